"""Two runs mean the same, or it is told in one line a reason why they do not."""

from dataclasses import replace
from typing import Any

import pytest

from boots import marks
from qemu_boot_time.model import (
    EXEC,
    Boot,
    Bound,
    Clock,
    Definitions,
    Kind,
    Mark,
    Outcome,
    Phase,
    Run,
)
from qemu_boot_time.phases import TOTAL, Rules, phases_of
from qemu_boot_time.stats.likeness import Trouble, Unlike, impossible, unlike

MARKS = marks(fw_start=10, fw_do_boot=20, linux_start_boot=30)


def boot(*seen: Mark, until: str | None = None, **changes: Any) -> Boot:
    """Make a boot of these marks, or of MARKS."""
    found = seen or MARKS
    phases = phases_of(found, Rules(until=until), from_exec=True)
    return replace(Boot(0, 1, Outcome.REACHED, found, phases, exec_ns=0), **changes)


def run(*boots: Boot, **changes: Any) -> Run:
    """Make a run of these boots, or of a usual one."""
    numbered = (replace(each, index=i) for i, each in enumerate(boots or (boot(),)))
    return Run("night", tuple(numbered), **changes)


def defined(**changes: Any) -> Run:
    """Make a run with definitions of the user's."""
    return run(definitions=Definitions(**changes))


def totals(*values_ns: int, column: str = "1", unit: str = "us") -> Run:
    """Make a list of totals."""
    phases = [(Phase(TOTAL, EXEC, "end", 0, value_ns),) for value_ns in values_ns or (5,)]
    boots = [Boot(0, 0, Outcome.REACHED, phases=each, exec_ns=0) for each in phases]
    return run(*boots, kind=Kind.LIST, definitions=Definitions(column=column, unit=unit))


def seen_by(source: str, *names: str, bound: Bound = Bound.EXACT, event: str = "") -> Run:
    """Make a run of one boot with all MARKS, some of which were seen in another way."""
    way: dict[str, Any] = {"source": source, "bound": bound, "event": event}
    return run(boot(*(replace(mark, **way) if mark.name in names else mark for mark in MARKS)))


def troubles(first: Run, second: Run) -> list[tuple[Trouble, str]]:
    """Give what is unlike, as pairs."""
    return [(each.trouble, each.what) for each in unlike(first, second)]


# --- definitions ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (run(), run()),
        (totals(1), totals(2)),
        (totals(column="1"), totals(column="1")),
        (run(), run(kind=Kind.TABLE)),
        (run(), run(definitions=Definitions(until="linux_start_boot"))),
        (run(), defined(names={8: "ready"})),
        (defined(names={8: "ready"}), defined(names={8: "ready"})),
        (defined(names={8: "ready"}), defined(names={9: "up"})),
        (defined(phases={"all": ("exec", "fw_start")}), run()),
        (run(boot(outcome=Outcome.TIMEOUT)), run()),
        (run(), run(boot(marks=(), phases=()))),
    ],
)
def test_what_means_the_same(first: Run, second: Run) -> None:
    """What is the same, what only one side knows, and what is not counted is no reason."""
    assert [] == troubles(first, second) == troubles(second, first)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (
            run(),
            run(clock=Clock.INSTRUCTIONS),
            "the first was measured in time, the second in instructions",
        ),
        (
            totals(column="1"),
            totals(column="fw_start"),
            "the first is column '1', the second column 'fw_start': two columns are two definitions",
        ),
        (
            totals(unit="us"),
            totals(unit="ms"),
            (
                "the numbers of the first are in us, those of the second in ms: "
                "--unit or FILE:COLUMN:UNIT says which"
            ),
        ),
        (
            run(),
            totals(),
            (
                "the second is a list of totals, and nobody says where they end; the other's end at "
                "linux_start_boot"
            ),
        ),
        (
            totals(),
            run(boot(phases=()), kind=Kind.TABLE),
            (
                "the first is a list of totals, and nobody says where they end; the other's end at "
                "no mark"
            ),
        ),
        (
            run(),
            run(boot(until="fw_do_boot")),
            (
                "totals of the first end at linux_start_boot, those of the second at fw_do_boot: "
                "--until says where"
            ),
        ),
        (
            run(boot(), boot(), boot(*MARKS[:2])),
            run(),
            (
                "totals of the first end at linux_start_boot (n=2) and fw_do_boot (n=1), "
                "those of the second at linux_start_boot: --until says where"
            ),
        ),
        (
            run(boot(phases=()), definitions=Definitions(until="fw_start")),
            run(boot(phases=()), definitions=Definitions(until="fw_do_boot")),
            (
                "totals of the first end at fw_start, those of the second at fw_do_boot: "
                "--until says where"
            ),
        ),
        (
            defined(names={8: "ready"}),
            defined(names={9: "ready"}),
            "ready is port value 8 in the first, port value 9 in the second",
        ),
        (
            defined(probes={"ready": "do_one"}),
            defined(probes={"ready": "do_two"}),
            "ready is symbol do_one in the first, symbol do_two in the second",
        ),
        (
            defined(matches={"ready": "^on"}),
            defined(matches={"ready": "^off"}),
            "ready is a line with '^on' in the first, a line with '^off' in the second",
        ),
        (
            defined(names={8: "ready", 9: "ready"}),
            defined(probes={"ready": "do_two"}),
            "ready is port value 8 and port value 9 in the first, symbol do_two in the second",
        ),
        (
            defined(phases={"all": ("exec", "fw_start")}),
            defined(phases={"all": ("exec", "fw_do_boot")}),
            "phase all is exec..fw_start in the first, exec..fw_do_boot in the second",
        ),
        (
            run(boot(*marks(fw_start=1, fw_do_boot=2, linux_start_kernel=3))),
            run(boot(*marks(fw_start=1, linux_start_fwcfg=2, linux_start_kernel=3))),
            (
                "phase firmware is fw_start..fw_do_boot in the first, fw_start..linux_start_fwcfg in "
                "the second"
            ),
        ),
    ],
)
def test_two_definitions(first: Run, second: Run, expected: str) -> None:
    """What is called the same but is not is named, as it is on both sides."""
    trouble = Trouble.CLOCK if "measured in" in expected else Trouble.DEFINITION

    assert [(trouble, expected)] == troubles(first, second)


def test_totals_that_end_at_several_marks_on_both_sides() -> None:
    """How many end at which may differ, so their totals are a mixture even where the marks agree."""
    mixed = run(boot(), boot(*MARKS[:2]))

    assert [Trouble.DEFINITION] == [trouble for trouble, _ in troubles(mixed, mixed)]


def test_every_difference_is_told() -> None:
    """Not only the first one."""
    first = defined(names={8: "a", 9: "b"}, phases={"all": ("a", "b")})
    second = defined(names={9: "a", 8: "b"}, phases={"all": ("b", "a")})

    assert ["a is", "b is", "phase all"] == [
        " ".join(what.split()[:2]) for _, what in troubles(first, second)
    ]


# --- sources ----------------------------------------------------------------------------------


@pytest.mark.parametrize("one", ["perf_event", "perf", "tracefs", "trace-cmd"])
@pytest.mark.parametrize("other", ["perf_event", "perf", "tracefs", "trace-cmd"])
def test_the_kernels_stamps_are_the_same_whoever_records_them(one: str, other: str) -> None:
    """Recorders of the same events are no difference, nor is the name of the exact event."""
    first, second = seen_by(one, "fw_start", event="kvm:kvm_pio"), seen_by(other, "fw_start")

    assert [] == troubles(first, second)


@pytest.mark.parametrize("other", ["debugcon", "console", "plugin", "table"])
def test_other_sources_have_another_accuracy(other: str) -> None:
    """All marks with the same difference are one line."""
    first, second = (seen_by(source, "fw_start", "fw_do_boot") for source in ("perf", other))

    expected = (
        "fw_start, fw_do_boot: seen by the kernel's own stamps in the first, "
        f"by {other} in the second"
    )
    assert [(Trouble.SOURCE, expected)] == troubles(first, second)


def test_different_differences_are_lines_of_their_own() -> None:
    """One mark by debugcon, another by the console."""
    names = [mark.name for mark in MARKS]
    first = seen_by("perf", *names)
    second = run(boot(*(replace(m, source=s) for m, s in zip(MARKS, "aab", strict=True))))

    assert ["fw_start, fw_do_boot", "linux_start_boot"] == [
        what.partition(":")[0] for _, what in troubles(first, second)
    ]


def test_what_only_bounds_is_not_what_was_seen() -> None:
    """The bound and what was seen are named."""
    first = seen_by("perf", "fw_start")
    second = seen_by("perf", "fw_start", bound=Bound.GE, event="kvm:kvm_entry")

    expected = (
        "fw_start: seen by the kernel's own stamps in the first, by the kernel's own stamps "
        "(at or after kvm:kvm_entry) in the second"
    )
    assert [(Trouble.SOURCE, expected)] == troubles(first, second)


@pytest.mark.parametrize(
    ("bound", "event"), [(Bound.LE, "kvm:kvm_fpu"), (Bound.GE, "kvm:kvm_update_master_clock")]
)
def test_bounds_of_another_kind(bound: Bound, event: str) -> None:
    """A stand-in is as near as what was seen is: another one is another accuracy."""
    first = seen_by("perf", "fw_start", bound=Bound.GE, event="kvm:kvm_fpu")
    second = seen_by("perf", "fw_start", bound=bound, event=event)

    assert [Trouble.SOURCE] == [trouble for trouble, _ in troubles(first, second)]


def test_one_boot_seen_in_another_way_is_enough() -> None:
    """Both ways of that side are named; a boot that failed has no say."""
    mark = MARKS[0]
    other = boot(replace(mark, source="debugcon"))
    first, second = run(boot(mark)), run(boot(mark), other)
    failed = run(boot(mark), replace(other, outcome=Outcome.TIMEOUT))

    expected = "fw_start: seen by table in the first, by debugcon and by table in the second"
    assert [(Trouble.SOURCE, expected)] == troubles(first, second)
    assert [] == troubles(first, failed)


def test_a_mark_that_is_another_thing_is_told_once() -> None:
    """That another line of the console tells of it follows from its other definition."""
    sides = []
    for regex in ("^on", "^off"):
        mark = Mark("ready", 40, "console", f"serial: /{regex}/", bound=Bound.LE)
        sides.append(run(boot(*MARKS, mark), definitions=Definitions(matches={"ready": regex})))

    assert [Trouble.DEFINITION] == [trouble for trouble, _ in troubles(*sides)]


# --- hosts ------------------------------------------------------------------------------------


def test_another_host() -> None:
    """One line a fact, with both values and why it matters."""
    first = run(host={"cpu_model": "EPYC", "load_1min": 0.1})
    second = run(host={"cpu_model": "Xeon", "load_1min": 7.0})

    expected = "CPU: EPYC in the first, Xeon in the second: every instruction takes another time"
    assert [(Trouble.HOST, expected)] == troubles(first, second)


def test_instructions_know_no_host() -> None:
    """They are the guest's own; where one side has time, the host matters to it."""
    hosts = ({"cpu_model": "EPYC"}, {"cpu_model": "Xeon"})
    counted = [run(host=host, clock=Clock.INSTRUCTIONS) for host in hosts]

    assert [] == troubles(*counted)
    assert Trouble.HOST in dict(troubles(counted[0], run(host=hosts[1])))


def test_kvms_facts_mean_nothing_to_tcg() -> None:
    """They matter as soon as one side used KVM, or nobody knows."""
    facts: list[dict[str, object]] = [{"kvm_modules": ["kvm"]}, {"kvm_modules": []}]
    first, second = (run(host=host, accelerator="tcg") for host in facts)

    assert [] == troubles(first, second)
    for accelerator in ("kvm", ""):
        found = troubles(first, replace(second, accelerator=accelerator))
        assert [Trouble.HOST] == [trouble for trouble, _ in found]


# --- samples ----------------------------------------------------------------------------------


def test_good_boots_are_possible() -> None:
    """Nothing is told of them, nor of one that statistics leave out."""
    failed = boot(outcome=Outcome.TIMEOUT, suspect=("events_lost",))

    assert () == impossible(run(boot(), failed), "a")


@pytest.mark.parametrize(
    "reason", ["marks_out_of_order", "clock_step", "events_lost", "exec_not_seen", "guest_reset"]
)
def test_suspect_boots(reason: str) -> None:
    """Numbers are from 1; boots with the same trouble are one line."""
    suspect = boot(suspect=(reason,))

    found = impossible(run(boot(), suspect, suspect), "old.json")

    assert (Unlike(Trouble.SAMPLE, f"old.json: boot 2, 3: {reason}"),) == found


def test_many_suspect_boots() -> None:
    """A line has an end."""
    (found,) = impossible(run(*[boot(suspect=("events_lost",))] * 20), "a")

    assert "a: boot 1, 2, 3, 4, 5, 6, 7, 8... (20 boots): events_lost" == found.what


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        (Phase("firmware", "fw_start", "fw_do_boot", 20, 10), "firmware is below zero"),
        (Phase(TOTAL, EXEC, "end", 0, -1), "total is below zero"),
        (Phase(TOTAL, EXEC, "end", 0, 0), "total is zero"),
        (Phase("user", "a", "b", 7, 7), None),
    ],
)
def test_lengths_that_cannot_be(phase: Phase, expected: str | None) -> None:
    """A phase may be too short to be seen, but a boot is not."""
    found = impossible(run(boot(phases=(phase,))), "a")

    assert ([f"a: boot 1: {expected}"] if expected else []) == [each.what for each in found]


def test_counts_below_zero() -> None:
    """A run of instructions is judged by its instructions."""
    phase = Phase("kernel", "a", "b", 1, 2, instructions=-3)
    counted = run(boot(phases=(phase,)), clock=Clock.INSTRUCTIONS)

    assert ["a: boot 1: kernel is below zero"] == [each.what for each in impossible(counted, "a")]
    assert () == impossible(replace(counted, clock=Clock.TIME), "a")


def test_marks_out_of_order_are_found() -> None:
    """Also where nobody had said so, and once where somebody had."""
    wrong = boot(*marks(fw_do_boot=10, fw_start=20))

    for suspect in ((), ("marks_out_of_order",)):
        found = impossible(run(replace(wrong, suspect=suspect)), "a")
        assert ["a: boot 1: marks_out_of_order"] == [each.what for each in found]


def test_a_damaged_input() -> None:
    """What is left of it may be no fair choice of its boots."""
    found = impossible(run(damage="perf.data: record at byte 7: cut off"), "a")

    expected = "a: the input is damaged: perf.data: record at byte 7: cut off"
    assert (Unlike(Trouble.SAMPLE, expected),) == found
