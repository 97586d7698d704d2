"""The table for a person: 80 columns, no surprises for the terminal, nothing left unsaid."""

import os
from collections.abc import Sequence
from dataclasses import replace

import pytest

from boots import booted, marks
from qemu_boot_time.model import Boot, Bound, Outcome, Run
from qemu_boot_time.phases import Rules, boot_of_marks, boots_of
from qemu_boot_time.report.parts import Screen
from qemu_boot_time.report.text import Showing, ms, printable, to_text

EVIL = "\x1b]0;owned\x07\x1b[31m\u202e\r\n[red]x[/red]"


def shown(
    boots: Sequence[Boot], *, every_boot: bool = False, colour: bool = False, **run: object
) -> str:
    """Render boots."""
    whole = replace(Run("night", tuple(boots)), **run)  # type: ignore[arg-type]  # fields of Run
    showing = Showing(every_boot=every_boot, screen=Screen(colour=colour))
    return to_text(whole, showing)


def lines(text: str, word: str) -> list[list[str]]:
    """Give the cells of the lines that begin with a word."""
    return [line.split() for line in text.splitlines() if line.startswith(word)]


def three() -> list[Boot]:
    """Make three boots of two marks, in whole milliseconds."""
    rows = [(10, 110), (20, 130), (60, 180)]
    return [
        boot_of_marks(
            marks(linux_start_kernel=a * 10**6, linux_start_user=b * 10**6), index=i, rules=Rules()
        )
        for i, (a, b) in enumerate(rows)
    ]


def test_marks_and_their_own_deltas() -> None:
    """Count, median, mean, minimum and maximum, in milliseconds."""
    text = shown(three())

    assert [["linux_start_user", "3", "130.000", "140.000", "110.000", "180.000"]] == lines(
        text, "linux_start_user"
    )
    deltas = [cells[4:] for cells in lines(text, "  since the mark before")]
    assert ["3", "+110.000", "+110.000", "+100.000", "+120.000"] == deltas[1]


def test_phases_and_their_share() -> None:
    """The share is that of the total; what no phase explains has a line."""
    boots = boots_of([*booted(1000)], Rules())

    text = shown(boots)

    assert [["unaccounted", "1", "0.000", "0.000", "0.000", "0.000", "16.7%"]] == lines(
        text, "unaccounted"
    )
    assert "100.0%" == lines(text, "total")[0][-1]


HEADS = {
    "usual": "median mean min max",
    "more": "median 95% from 95% to mean sd min max",
}


@pytest.mark.parametrize(
    ("width", "name", "expected"),
    [
        (80, "linux_start_user", "usual"),
        (90, "linux_start_user", "usual"),
        (110, "linux_start_user", "more"),
        (110, "a_name_that_is_so_long_that_it_would_be_folded", "usual"),
        (200, "a_name_that_is_so_long_that_it_would_be_folded", "more"),
    ],
)
def test_a_wide_screen_has_more_columns(width: int, name: str, expected: str) -> None:
    """The median's interval and the deviation, where no name is folded for them."""
    rows = [
        boot_of_marks(marks(**{name: (100 + i) * 10**6}), index=i, rules=Rules()) for i in range(6)
    ]

    text = to_text(Run("night", tuple(rows)), Showing(screen=Screen(width)))

    (head,) = (line for line in text.splitlines() if line.startswith("mark (ms"))
    assert HEADS[expected] == " ".join(head.partition(" n ")[2].split())


def test_a_pipe_has_the_usual_columns_whatever_fits() -> None:
    """However short numbers are, more does not fit into 80 columns."""
    rows = [boot_of_marks(marks(fw_start=5 * 10**6), index=i, rules=Rules()) for i in range(6)]

    assert "95% from" not in to_text(Run("night", tuple(rows)))


def test_so_few_boots_have_no_interval() -> None:
    """The columns are there, and empty: nothing is made up."""
    (row,) = lines(to_text(Run("night", tuple(three())), Showing(screen=Screen(120))), "kernel")

    assert ["kernel", "3", "110.000", "110.000", "10.000", "100.000", "120.000"] == row[:7]


def test_totals_that_end_elsewhere_say_where() -> None:
    """Two ends are two definitions, and so is what either leaves unexplained."""
    boots = boots_of([*booted(1000, (1, 5)), *booted(2000, vm=2), *booted(3000, vm=3)], Rules())

    text = shown(boots)

    assert "(exec..linux_start_user)" in text
    assert 2 == sum(line.startswith("total") for line in text.splitlines())
    assert ["(exec..linux_start_user)", "(exec..fw_do_boot)"] == [
        cells[1] for cells in lines(text, "unaccounted")
    ]


def test_marks_without_an_exec_say_so() -> None:
    """The heading names the zero that they count from."""
    assert "mark (ms since first)" in shown(boots_of([*booted()][1:], Rules()))


def test_every_boot_is_shown_on_request() -> None:
    """Its marks, its deltas, and what saw them; people count boots from 1."""
    text = shown(boots_of([*booted(1000)], Rules()), every_boot=True)

    assert "boot 1, pid 1: reached" in text
    assert [["qemu_init_end", "0.000", "+0.000", "perf", "kvm:kvm_entry"]] == lines(
        text, "qemu_init_end"
    )[:1]


def test_a_boot_of_which_only_the_total_is_known() -> None:
    """It is one line."""
    (boot,) = three()[:1]

    assert "boot 1: reached 110.000 ms\n" in shown([replace(boot, marks=())], every_boot=True)


def test_boots_that_failed_are_told_together() -> None:
    """One line for one trouble, however many boots had it."""
    good, *bad = three()
    failed = [replace(b, outcome=Outcome.QEMU_FAILED, message="no such machine") for b in bad]

    text = shown([good, *failed])

    assert "night · 3 boots, 2 failed\n" in text
    assert "failed: boot 2, 3: qemu_failed after linux_start_user: no such machine\n" in text


def test_a_boot_that_the_user_stopped_has_not_failed() -> None:
    """It is counted apart, and told apart."""
    good, bad, stopped = three()
    failed = replace(bad, outcome=Outcome.TIMEOUT)
    interrupted = replace(stopped, outcome=Outcome.INTERRUPTED)

    text = shown([good, failed, interrupted])

    assert "night · 3 boots, 1 failed, 1 interrupted\n" in text
    assert "\nfailed: boot 2: timeout after linux_start_user\n" in text
    assert "\ninterrupted: boot 3: after linux_start_user\n" in text
    assert "\ninterrupted: boot 3\n" in shown([replace(interrupted, marks=())])


def test_suspicions_are_told() -> None:
    """Many boots with one suspicion are a line that ends."""
    (boot,) = three()[:1]
    many = [replace(boot, index=i, suspect=("events_lost",)) for i in range(20)]

    assert "suspect: boot 1, 2, 3, 4, 5, 6, 7, 8... (20 boots): events_lost\n" in shown(many)


def test_a_stand_in_is_told() -> None:
    """The reader knows what qemu_init_end really is."""
    (boot,) = boots_of([*booted(1000)], Rules())
    entry = replace(boot.marks[0], event="kvm:kvm_fpu", bound=Bound.GE)

    text = shown([replace(boot, marks=(entry, *boot.marks[1:]))])

    expected = "note: qemu_init_end is a stand-in, kvm:kvm_fpu: the true time is at or after it\n"
    assert expected in text


def test_how_far_off_a_stand_in_may_be_is_told() -> None:
    """Where the source knows an end to it: the widest of all boots.

    How late a stamp may come is no such end.
    """
    (boot,) = boots_of([*booted(1000)], Rules())
    start, wider = (
        replace(boot.marks[1], event="it", bound=Bound.GE, error_ns=off)
        for off in (1_500_000, 2_500_000)
    )

    text = shown([replace(boot, marks=(start,)), replace(boot, index=1, marks=(wider,))])
    late = shown([replace(boot, marks=(replace(wider, bound=Bound.LE),))])

    assert "is a stand-in, it: the true time is at or after it (by 2.500 ms\nat most)\n" in text
    assert "is a stand-in, it: the true time is before it\n" in late


def test_what_one_source_only_bounds_is_told_once() -> None:
    """A stock guest has many such marks, and one line says it of all."""
    (boot,) = boots_of([*booted(1000)], Rules())
    bounds = [replace(mark, source="console", bound=Bound.LE) for mark in boot.marks[1:3]]

    text = shown([replace(boot, marks=(boot.marks[0], *bounds))] * 2)

    names = ", ".join(mark.name for mark in bounds)
    assert [f"note: console only bounds {names}: the true time is before it"] == [
        line for line in text.splitlines() if line.startswith("note: ")
    ]


def test_no_boot_at_all() -> None:
    """A headline and nothing else."""
    assert "night · 0 boots\n" == shown([])


def test_no_line_is_wider_than_a_terminal() -> None:
    """Names, notes and messages of any length are folded; numbers, and the path, stay whole."""
    name = "a_very_long_name_that_somebody_gave_to_a_mark_" * 3
    row = boot_of_marks(marks(**{name: 123_456_789_012}), index=0, rules=Rules())
    failed = replace(row, index=1, outcome=Outcome.TIMEOUT, message="word " * 60)

    text = shown([row, failed], every_boot=True, path="/x" * 90, notes=("y" * 200,))

    *lines, path = text.splitlines()
    assert 80 >= max(map(len, lines))
    assert path == "/x" * 90
    assert "123456.789" in text


def test_nothing_of_a_guest_reaches_the_terminal() -> None:
    """Escape sequences, line ends, direction marks and markup are shown, never obeyed."""
    row = boot_of_marks(marks(**{EVIL: 5}), index=0, rules=Rules())
    failed = replace(row, index=1, outcome=Outcome.TIMEOUT, message=EVIL)

    text = shown([row, failed], every_boot=True, name=EVIL, path=EVIL, notes=(EVIL,))

    assert all(character == "\n" or character.isprintable() for character in text)
    assert r"\x1b]0;owned\x07\x1b[31m\x202e\x0d\x0a[red]x[/red]" in text


def test_square_brackets_are_text() -> None:
    """Nothing is taken for the markup of the library that renders."""
    text = shown(three(), notes=("[red]x[/red]",), path="[b]")

    assert text.endswith("note: [red]x[/red]\n[b]\n")


def test_colour_is_for_terminals() -> None:
    """Without one there is not a single escape sequence; with one the words are the same."""
    plain, coloured = shown(three()), shown(three(), colour=True)

    assert ("\x1b" in plain, "\x1b[" in coloured) == (False, True)


@pytest.mark.parametrize(
    ("time_ns", "expected"), [(0, "0.000"), (1_500, "0.002"), (10**12, "1000000.000")]
)
def test_milliseconds(time_ns: int, expected: str) -> None:
    """To the microsecond."""
    assert expected == ms(time_ns)


def test_printable_text_stays_as_it_is() -> None:
    """Other alphabets are text."""
    assert "größer, 大きい" == printable("größer, 大きい")


def test_a_name_that_is_no_utf8_is_shown_by_its_bytes() -> None:
    """As a shell takes them, in $'...'."""
    assert r"caf\xe9.csv" == printable(os.fsdecode(b"caf\xe9.csv"))
