"""The timeline of one boot, as a person and as a program read it."""

from dataclasses import replace

from boots import booted, marks, started
from qemu_boot_time.model import Boot, Inside, Outcome, Profile, Purpose, Run, Span
from qemu_boot_time.phases import Rules, boot_of_marks, boots_of
from qemu_boot_time.report.rows import typical
from qemu_boot_time.report.text import Showing, to_text
from qemu_boot_time.report.timeline import MOST, timelines_document, timelines_of

EVIL = "\x1b[31m[red]x[/red]"


def boot() -> Boot:
    """Make a boot whose start was seen in part."""
    (found,) = boots_of([*booted(1000), started(1004, "qemu_main")], Rules())
    return found


def shown(run: Run, number: int | None = None) -> list[str]:
    """Give the lines of a run with its timelines, from the first of them."""
    lines = to_text(run, Showing(timelines=timelines_of(run, number))).splitlines()
    at = next(i for i, line in enumerate(lines) if "(ms since exec)" in line and "begin" in line)
    return lines[at:]


def test_a_row_is_set_in_by_what_holds_it() -> None:
    """Phases in the total, parts in a phase; a gap says what it lies between."""
    lines = shown(Run("night", (boot(),)))

    assert [
        "total",
        "  vmm",
        "    qemu_libraries",
        "    qemu_main..qemu_init_end",
        "  unaccounted qemu_init_end..fw_start",
    ] == [line.split("  0.000")[0].rstrip() for line in lines[1:6]]


def test_the_boot_nearest_to_the_median_is_taken() -> None:
    """Of those that count; else the one that is asked for, whatever became of it."""
    boots = [
        boot_of_marks(marks(fw_start=t), index=i, rules=Rules()) for i, t in enumerate((9, 5, 1))
    ]
    failed = replace(boots[1], index=3, outcome=Outcome.TIMEOUT)
    run = Run("night", (*boots, failed))

    titles = [timelines_of(run, number)[0].title for number in (None, 1, 4)]

    assert ["boot 2", "boot 1", "boot 4"] == titles
    assert [] == timelines_of(run, 7) == timelines_of(Run("night", ()))


def test_the_page_shows_the_same_boot() -> None:
    """Whichever stands for a run in one report does so in the others."""
    boots = [
        boot_of_marks(marks(fw_start=t), index=i, rules=Rules())
        for i, t in enumerate((120, 100, 104, 400))
    ]
    run = Run("night", tuple(boots))

    assert ["boot 1"] == [each.title for each in timelines_of(run)]
    assert boots[0] == next(typical(run)).boot


def test_a_boot_of_which_nothing_was_seen_has_no_rows() -> None:
    """It left before its first mark: a line says so."""
    run = Run("night", (Boot(0, 1, Outcome.QEMU_FAILED),))

    text = to_text(run, Showing(timelines=timelines_of(run, 1)))

    assert "boot 1: nothing was seen of it" in text.splitlines()


def test_boots_that_looked_inside_have_timelines_of_their_own() -> None:
    """They are other boots: what they saw lies on their own clock."""
    run = Run(
        "night", (boot(),), inside=(Inside(Purpose.UNITS, boot()),), profiles=(Profile(boot()),)
    )

    assert ["boot 1", "inside: units", "profile: boot 1"] == [
        each.title for each in timelines_of(run)
    ]


def test_the_longest_of_what_a_guest_told() -> None:
    """A terminal has no room for hundreds; the document has all, and what is evil stays text."""
    spans = tuple(Span(f"{EVIL}{i:02}", 20, 21 + i, "kernel") for i in range(MOST + 5))
    run = Run("night", (), inside=(Inside(Purpose.INITCALLS, boot(), spans),))

    text = "\n".join(shown(run))
    (document,) = timelines_document(timelines_of(run))

    assert f"the {MOST} longest of {MOST + 5} that the guest told; --json has all" in text
    assert "\x1b" not in text
    assert text.count("    \\x1b[31m[red]x[/red]") == MOST
    assert MOST + 5 == sum(row["kind"] == "span" for row in document["rows"])
