"""A run directory becomes boots again: facts and raw files meet."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from boots import booted, entered, executed, lengths, names, passed, seen, times, wrote
from qemu_boot_time.errors import CorruptFileError, InputError
from qemu_boot_time.model import Definitions, EndedBy, Event, EventKind, Kind, Outcome
from qemu_boot_time.sources import table
from qemu_boot_time.sources.base import Arm, Armed, Source
from qemu_boot_time.store.facts import Interleaved, RunKind, StartFacts
from qemu_boot_time.store.load import load_run
from runs import boot_facts, debugcon_lines, make_run


@pytest.fixture
def perf(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """Let the source "perf" have seen what the test puts here."""
    events: list[Event] = []

    def read(request: Arm) -> Iterator[Event]:
        del request
        yield from events

    usual = table.SOURCES["perf"]
    source = Source(usual.name, usual.sees, usual.needs, usual.probe, usual.arm, read)
    monkeypatch.setitem(table.SOURCES, "perf", source)
    return events


def ms(count: int) -> int:
    """Count milliseconds in nanoseconds."""
    return count * 1_000_000


def test_a_run_of_two_boots(tmp_path: Path) -> None:
    """Marks count from the stamp before the exec, where the source saw none."""
    run = load_run(make_run(tmp_path / "night"))

    expected = [("fw_start", ms(10)), ("fw_do_boot", ms(11)), ("linux_start_boot", ms(12))]
    assert ("night", ("debugcon",), "kvm") == (run.name, run.sources, run.accelerator)
    assert [expected] * 2 == [times(boot)[:3] for boot in run.boots]
    assert [(100, Outcome.REACHED, 10**9)] == [
        (boot.pid, boot.outcome, boot.exec_ns) for boot in run.boots[:1]
    ]


def test_the_rules_of_the_run_apply(tmp_path: Path) -> None:
    """Names, phases and until are those that it was measured with."""
    raw = debugcon_lines(0, (1, 5, 3, 6, 7, 42)) + debugcon_lines(1, (1, 5))
    rules: dict[str, Any] = {"names": {42: "ready"}, "until": "ready"}
    rules["phases"] = {"all": ("exec", "ready")}

    first, second = load_run(make_run(tmp_path / "run", raw=raw, **rules)).boots

    assert (ms(1), ms(15)) == (lengths(first)["user"], lengths(first)["all"])
    assert (Outcome.REACHED, Outcome.ENDED) == (first.outcome, second.outcome)


@pytest.mark.parametrize("kind", RunKind)
def test_a_run_says_what_it_means_and_where_it_was_measured(kind: RunKind, tmp_path: Path) -> None:
    """What the user named, and the facts of the host, as they are on disk."""
    definitions = Definitions(
        until="ready",
        names={42: "ready"},
        phases={"all": ("exec", "ready")},
        probes={"probed": "do_one"},
        matches={"said": "OK"},
    )
    asked = {name: getattr(definitions, name) for name in ("until", "names", "phases")}
    asked |= {"probes": definitions.probes, "matches": definitions.matches}

    run = load_run(make_run(tmp_path / "run", kind=kind, host={"smt": True}, **asked))

    assert (Kind.RUN, definitions, {"smt": True}) == (run.kind, run.definitions, run.host)


def test_warm_up_boots_are_left_out(tmp_path: Path) -> None:
    """They are on disk, not in the statistics."""
    run = load_run(make_run(tmp_path / "run", [boot_facts(-1), boot_facts(0)]))

    assert [0] == [boot.index for boot in run.boots]


def test_a_boot_that_had_not_ended_is_left_out(tmp_path: Path) -> None:
    """What its source wrote before qbt was killed does not spoil the others."""
    run = load_run(make_run(tmp_path / "run", [boot_facts(0)]))

    assert [5] == [len(boot.marks) for boot in run.boots]


@pytest.mark.parametrize(
    ("ended_by", "values", "outcome"),
    [
        (EndedBy.ITSELF, (), Outcome.QEMU_FAILED),
        (EndedBy.TIMEOUT, (1, 5), Outcome.TIMEOUT),
        (EndedBy.INTERNAL_ERROR, (6,), Outcome.INTERNAL_ERROR),
    ],
)
def test_a_boot_that_failed_is_data(
    tmp_path: Path, ended_by: EndedBy, values: tuple[int, ...], outcome: Outcome
) -> None:
    """Its outcome and its last words are shown."""
    facts = boot_facts(0, ended_by=ended_by, message="KVM internal error")

    (boot,) = load_run(make_run(tmp_path / "run", [facts], raw=debugcon_lines(0, values))).boots

    assert (outcome, "KVM internal error") == (boot.outcome, boot.message)


def test_resets_that_the_monitor_saw(tmp_path: Path) -> None:
    """6, reset, 6, 7 is two attempts."""
    facts = boot_facts(0, resets_ns=(10**9 + ms(10) + 500_000,))

    (boot,) = load_run(make_run(tmp_path / "run", [facts], raw=debugcon_lines(0, (6, 6, 7)))).boots

    assert (2, ("guest_reset",)) == (boot.attempts, boot.suspect)


def test_what_came_after_the_mark_asked_for_is_left_out(tmp_path: Path) -> None:
    """The guest runs on until it is stopped; each run would show more or less of that."""
    facts = boot_facts(0, ended_by=EndedBy.MARK)
    until = make_run(tmp_path / "run", [facts], until="linux_start_boot")

    (boot,) = load_run(until).boots

    assert ["fw_start", "fw_do_boot", "linux_start_boot"] == names(boot)


def test_what_bounds_the_mark_asked_for_does_not_replace_it(
    tmp_path: Path, perf: list[Event]
) -> None:
    """The mark itself comes after its lower bound, and before what is left out."""
    entered_at = passed(10**9 + 15, "fw_start", bound="ge")
    perf += [*booted(10**9), entered_at]
    facts = [boot_facts(0, pids=(1,), ended_by=EndedBy.MARK)]

    run = load_run(make_run(tmp_path / "run", facts, sources=("perf",), until="fw_start"))

    assert [("qemu_init_end", 10), ("fw_start", 20)] == times(run.boots[0])


def test_what_was_not_yet_known_at_the_mark_asked_for_is_left_out(
    tmp_path: Path, perf: list[Event]
) -> None:
    """It has the stamp of that mark, but how far off it may be was seen only later."""
    perf += [
        executed(10**9),
        passed(10**9 + 30, "linux_start_boot", bound="le"),
        passed(10**9 + 30, "decompress_start", bound="ge", error_ns=5),
    ]
    facts = [boot_facts(0, pids=(1,), ended_by=EndedBy.MARK)]
    untils = ("linux_start_boot", "decompress_start")

    runs = [make_run(tmp_path / u, facts, sources=("perf",), until=u) for u in untils]

    shown = [names(load_run(run).boots[0]) for run in runs]
    assert [["linux_start_boot"], ["linux_start_boot", "decompress_start"]] == shown


# --- events by process ------------------------------------------------------------------------


def test_events_are_joined_by_process_and_time(tmp_path: Path, perf: list[Event]) -> None:
    """One process id twice, and somebody else's VM in between."""
    facts = [boot_facts(0, pids=(7,)), boot_facts(1, pids=(7,))]
    perf += booted(10**9 + 5, vm=7)
    perf += booted(10**9 + 6, vm=8)
    perf += booted(2 * 10**9 + 5, (1, 5), vm=7)

    run = load_run(make_run(tmp_path / "run", facts, sources=("perf",)))

    assert [(7, 6), (7, 3)] == [(boot.pid, len(boot.marks)) for boot in run.boots]
    assert [10**9 + 5, 2 * 10**9 + 5] == [boot.exec_ns for boot in run.boots]


def test_qemu_behind_a_wrapper_is_known_by_its_parents(tmp_path: Path, perf: list[Event]) -> None:
    """What was started may have started QEMU in turn."""
    line: dict[str, int | str] = {"filename": "/usr/bin/qemu-kvm", "parents": "55 7"}
    exec_ = Event(10**9 + 5, "perf", EventKind.EXEC, 90, line)
    perf += [exec_, entered(10**9 + 10, vm=90), wrote(10**9 + 20, 1, vm=90)]

    (boot,) = load_run(
        make_run(tmp_path / "run", [boot_facts(0, pids=(7,))], sources=("perf",))
    ).boots

    assert (90, 2) == (boot.pid, len(boot.marks))


def test_the_kernels_exec_may_come_before_our_stamp(tmp_path: Path, perf: list[Event]) -> None:
    """By a little: another start of that process, a second before, is another VM."""
    perf += [*booted(10**9 - 1_000_000, vm=7), *booted(4, vm=7)]

    (boot,) = load_run(
        make_run(tmp_path / "run", [boot_facts(0, pids=(7,))], sources=("perf",))
    ).boots

    assert 10**9 - 1_000_000 == boot.exec_ns


def test_a_loss_falls_into_the_boots_that_ran(tmp_path: Path, perf: list[Event]) -> None:
    """The others stay above suspicion."""
    perf += [executed(10**9, vm=100), *booted(2 * 10**9, vm=101)]
    perf += [seen(EventKind.LOST, 2 * 10**9 + 35, vm=-1), seen(EventKind.LOST, 9 * 10**9, vm=-1)]

    run = load_run(make_run(tmp_path / "run", sources=("perf",)))

    assert [(), ("events_lost",)] == [boot.suspect for boot in run.boots]


def test_two_sources_see_one_boot(tmp_path: Path, perf: list[Event]) -> None:
    """The better stamp counts, the other is kept for comparing them."""
    perf += [executed(10**9, vm=100), wrote(10**9 + ms(9), 1, vm=100)]

    (boot,) = load_run(
        make_run(tmp_path / "run", [boot_facts(0)], sources=("perf", "debugcon"))
    ).boots

    first, second = boot.marks[:2]
    assert ("perf", ms(9), "debugcon") == (first.source, first.time_ns, second.source)
    assert [("fw_start", ms(10))] == [(mark.name, mark.time_ns) for mark in boot.also_seen]


# --- what is missing --------------------------------------------------------------------------


def test_a_missing_raw_file_is_no_failed_boot(tmp_path: Path) -> None:
    """Without it nothing is known: nobody says that QEMU failed."""
    (make_run(tmp_path / "run") / "raw/debugcon.jsonl").unlink()

    with pytest.raises(InputError, match=r"debugcon\.jsonl: No such file or directory"):
        load_run(tmp_path / "run")


def test_a_run_without_boots_needs_no_raw_file(tmp_path: Path) -> None:
    """It was stopped before its first boot had ended."""
    (make_run(tmp_path / "run", []) / "raw/debugcon.jsonl").unlink()

    assert () == load_run(tmp_path / "run").boots


def test_an_unknown_source_is_refused(tmp_path: Path) -> None:
    """A newer qbt may know more of them."""
    with pytest.raises(CorruptFileError, match=r"unknown source 'radio'"):
        load_run(make_run(tmp_path / "run", sources=("radio",)))


@pytest.mark.parametrize(
    ("command", "told", "expected"),
    [
        (("qemu-system-x86_64", "-accel", "kvm", "-accel", "tcg"), "tcg", "tcg"),
        (("qemu-system-x86_64", "-accel", "kvm", "-accel", "tcg"), "", ""),
        (("qemu-system-x86_64", "-enable-kvm"), "", "kvm"),
        (("./start-vm.sh",), "", ""),
    ],
)
def test_the_accelerator_is_what_qemu_said(
    tmp_path: Path, command: tuple[str, ...], told: str, expected: str
) -> None:
    """Where it left too soon to say, what alone was asked for; else nobody knows."""
    facts = [boot_facts(0, accelerator=told)]

    assert expected == load_run(make_run(tmp_path / "run", facts, command=command)).accelerator


@pytest.mark.parametrize(
    ("ending", "outcome"),
    [
        ({"exit_status": 1}, Outcome.REACHED),
        ({"exit_status": 0, "message": "a word of the wrapper"}, Outcome.REACHED),
        ({"exit_status": 1, "message": "qemu: no disk"}, Outcome.QEMU_FAILED),
        ({"exit_status": -11, "message": "killed by SIGSEGV"}, Outcome.QEMU_FAILED),
        ({"exit_status": 1, "ended_by": EndedBy.TIMEOUT}, Outcome.TIMEOUT),
    ],
)
def test_a_boot_that_nobody_watched_needs_no_mark(
    tmp_path: Path, ending: dict[str, Any], outcome: Outcome
) -> None:
    """It is well where QEMU left by itself and did not complain."""
    run = load_run(make_run(tmp_path / "run", [boot_facts(0, **ending)], sources=()))

    assert [(outcome, ())] == [(boot.outcome, boot.marks) for boot in run.boots]


def test_a_run_that_nobody_watched_says_so(tmp_path: Path) -> None:
    """And where the marks of the same boots are, where it was measured beside a watched one."""
    alone = make_run(tmp_path / "alone", sources=())
    twin = Interleaved(seed=1, side="a", other="sunday")
    beside = make_run(tmp_path / "beside", sources=(), interleaved=twin)

    said = "no source looked: without marks there is no table"
    assert (said,) == load_run(alone).notes
    assert (f"{said}; sunday, which lies beside it, was watched",) == load_run(beside).notes


def test_a_source_that_was_armed_for_each_boot_has_a_directory_of_each(tmp_path: Path) -> None:
    """Warm-ups too; what was seen of one boot never comes into another."""
    boots = [boot_facts(-1), boot_facts(0), boot_facts(1)]
    run = make_run(tmp_path / "run", boots, raw="no line", armed=Armed.EACH_BOOT)
    lines = {"warmup-0001": "", "boot-0000": debugcon_lines(0), "boot-0001": debugcon_lines(1, [1])}
    for name, text in lines.items():
        (run / "raw" / name).mkdir()
        (run / "raw" / name / "debugcon.jsonl").write_text(text)

    found = load_run(run)

    assert [5, 1] == [len(boot.marks) for boot in found.boots]
    assert () == found.notes


def test_what_the_starter_saw_of_qemus_start_makes_its_parts(tmp_path: Path) -> None:
    """Absolute stamps; a run of an older qbt has none, and no parts."""
    start = StartFacts(
        monitor_ns=10**9 + 1, greeting_ns=10**9 + 3, kernel_ns=(10**9 + 4, 10**9 + 9)
    )
    boots = [boot_facts(0, start=start), boot_facts(1)]
    raw = debugcon_lines(0) + debugcon_lines(1)

    first, second = load_run(make_run(tmp_path / "run", boots, raw=raw)).boots

    ends = [(part.end, part.end_ns) for part in first.parts]
    seen = [("qemu_monitor", 1), ("qemu_greeting", 3), ("kernel_opened", 4), ("kernel_read", 9)]
    assert ([*seen, ("fw_start", 10**7)], ()) == (ends, second.parts)
