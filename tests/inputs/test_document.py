"""What --json printed is the same run again; what is no such document is refused in one line."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boots import booted, marks, seen, wrote
from profiles import counter, failed, profiled
from qemu_boot_time.errors import ExitStatus, InputError
from qemu_boot_time.exits import CounterSample, PhaseTime
from qemu_boot_time.inputs import Options, open_input
from qemu_boot_time.inputs.document import open_document
from qemu_boot_time.model import (
    Boot,
    Bound,
    Clock,
    Definitions,
    EndedBy,
    EventKind,
    Inside,
    Kind,
    Mark,
    Outcome,
    Phase,
    Purpose,
    Run,
)
from qemu_boot_time.phases import Rules, boots_of
from qemu_boot_time.report.exports import perfetto
from qemu_boot_time.report.json import to_json
from qemu_boot_time.report.text import Showing, to_text
from qemu_boot_time.stats.exits import exits_of
from qemu_boot_time.store.load import load_run
from runs import boot_facts, make_run

_DATA = Path(__file__).parents[1] / "data"
_ALL = Showing(every_boot=True, stats=True)


def again(run: Run, directory: Path) -> Run:
    """Print a run and open what was printed."""
    (directory / "baseline.json").write_text(to_json(run))
    return open_input(str(directory / "baseline.json"), Options())


def refused(directory: Path, content: str | bytes) -> InputError:
    """Give the error that opening a file with this content raises."""
    file = directory / "baseline.json"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as caught:
        open_input(str(file), Options())
    return caught.value


def night() -> Run:
    """Make a run of one boot, in which little can be missing."""
    return Run("night", tuple(boots_of(booted(), Rules())))


# --- the same run again -----------------------------------------------------------------------


def test_a_measured_run(tmp_path: Path) -> None:
    """Failed boots, what the user named and the facts of the host included."""
    boots = [boot_facts(0), boot_facts(1, ended_by=EndedBy.TIMEOUT, message="\x1b[31mstuck")]
    directory = make_run(
        tmp_path / "night",
        boots,
        names={42: "ready"},
        phases={"all": ("exec", "fw_start")},
        probes={"probed": "do_one"},
        matches={"said": r"^\[ OK"},
        notes=("a note",),
        host={"smt": True, "aslr": 2, "governors": ["a"], "mitigations": {"x": "y"}, "qemu": None},
    )

    run = load_run(directory)

    assert [Outcome.REACHED, Outcome.TIMEOUT] == [boot.outcome for boot in run.boots]
    assert run == again(run, tmp_path)


def test_a_recording_with_all_that_goes_wrong(tmp_path: Path) -> None:
    """Resets, losses, an exec that nobody saw, what further sources saw, damage."""
    events = [
        *booted(1000, (1, 5, 1, 5, 3, 6, 7)),
        wrote(1025, 1, source="debugcon", error_ns=4000),
        seen(EventKind.LOST, 1035, vm=-1),
        *list(booted(2000, vm=2))[1:],
    ]
    boots = boots_of(events, Rules())
    run = Run("perf.data", tuple(boots), ("perf",), damage="cut off", kind=Kind.RECORDING)

    assert [True, True] == [bool(boots[0].other_attempts), bool(boots[0].also_seen)]
    assert [("events_lost", "guest_reset"), ("exec_not_seen",)] == [b.suspect for b in boots]
    assert run == again(run, tmp_path)


def test_a_run_of_instructions(tmp_path: Path) -> None:
    """Counts of marks and phases come back, and the clock."""
    mark = Mark("fw_start", 5, "plugin", "it", bound=Bound.LE, instructions=120_540_919)
    phase = Phase("vmm", "exec", "fw_start", 0, 5, instructions=120_540_919)
    boot = Boot(0, 1, Outcome.REACHED, (mark,), (phase,), exec_ns=7)
    run = Run("night", (boot,), ("plugin",), Clock.INSTRUCTIONS, accelerator="tcg")

    assert run == again(run, tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("totals.txt", "1.5\n2\n", Kind.LIST),
        ("marks.csv", "fw_start,fw_do_boot\n1,2\n2,\n", Kind.TABLE),
    ],
)
def test_numbers_from_elsewhere(name: str, content: str, kind: Kind, tmp_path: Path) -> None:
    """A list has no marks, and its column and unit say what it is."""
    (tmp_path / name).write_text(content)

    run = open_input(str(tmp_path / name), Options("us"))

    assert (kind, "us") == (run.kind, run.definitions.unit)
    assert run == again(run, tmp_path)


def test_a_run_without_boots(tmp_path: Path) -> None:
    """It is one all the same."""
    assert Run("empty", ()) == again(Run("empty", ()), tmp_path)


def test_a_profile(tmp_path: Path) -> None:
    """Its boots, counters, samples and notes; one that failed; the CPU time that its cost is told in."""
    sample = CounterSample(3, "fw_cfg", 7)
    run = profiled(
        [counter("fw_cfg", 7, 12, region="fwcfg"), counter(None, 1)], [counter("ide", 2)]
    )
    first, second = run.profiles
    run = replace(run, profiles=(replace(first, samples=(sample,)), second, failed(9)))

    found = again(run, tmp_path)

    assert run == found
    assert to_text(run) == to_text(found)


@pytest.mark.parametrize("recorded", ["exits-software", "exits-svm"])
def test_a_profile_is_drawn_again_as_it_was(recorded: str, tmp_path: Path) -> None:
    """A recorded one: the same document, and the same trace for Perfetto."""
    run = load_run(_DATA / recorded)

    found = again(run, tmp_path)

    assert run.profiles == found.profiles
    assert to_json(run) == to_json(found)
    assert perfetto.export([run]) == perfetto.export([found])


def test_a_profile_without_its_boots_is_left_out(tmp_path: Path) -> None:
    """As documents had it that did not carry them yet; the rest is read, and the reader is told."""
    document = json.loads(to_json(profiled([counter("ide", 2)])))
    del document["profile"]["boots"][0]["boot"]
    (tmp_path / "old.json").write_text(json.dumps(document))

    found = open_document(tmp_path / "old.json")

    assert (3, ()) == (len(found.boots), found.profiles)
    assert ("this document has a profile, but not its boots: print it again",) == found.notes


@pytest.mark.parametrize("where", ["exits", "accesses", "outside_ns"])
def test_counts_that_no_boot_can_have(where: str, tmp_path: Path) -> None:
    """They would not fit what is made of them; the boot is told."""
    impossible: dict[str, Any] = {where: _MOST + 1}
    run = profiled([replace(counter("ide", 2), **impossible)])

    error = refused(tmp_path, to_json(run))

    assert error.what.endswith(": boot 4: a number that no boot has")


@pytest.mark.parametrize(("watched_ns", "shares"), [(-5, [None]), (0, [None]), (10, [0.5])])
def test_times_that_no_phase_has_are_no_share(
    watched_ns: int, shares: list[float | None], tmp_path: Path
) -> None:
    """Whatever a document says of how long a phase was watched, nothing is divided by it that must not be."""
    run = profiled([counter("ide", 2, 5)])
    time = PhaseTime("firmware", 20, watched_ns, 1, 1)
    run = replace(run, profiles=(replace(run.profiles[0], times=(time,)),))

    found = again(run, tmp_path)

    assert (time,) == found.profiles[0].times
    assert shares == [phase.busy.share for phase in exits_of(found).phases]


def test_a_profiled_boot_is_no_measured_one(tmp_path: Path) -> None:
    """Boots are told apart by their numbers, those that were profiled too."""
    run = profiled([counter("ide", 2)])
    (profile,) = run.profiles
    same = replace(profile, boot=replace(profile.boot, index=0))

    error = refused(tmp_path, to_json(replace(run, profiles=(same,))))

    assert error.what.endswith(": 2 boots have the index 0")


def test_what_looked_inside_does_not_come_back(tmp_path: Path) -> None:
    """Those boots count in no comparison; the rest is the same."""
    run = night()

    found = again(replace(run, inside=(Inside(Purpose.UNITS, run.boots[0]),)), tmp_path)

    assert run == found


def test_a_document_is_printed_as_it_was(tmp_path: Path) -> None:
    """Statistics are made again of what is in it."""
    run = night()

    assert to_json(run) == to_json(again(run, tmp_path))


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_MOST = 2 * 10**18
_TIME = st.integers(-_MOST // 8, _MOST // 8)
_MARKS = st.builds(
    Mark,
    *(_TEXT, _TIME, _TEXT, _TEXT, st.integers(0, 9)),
    bound=st.sampled_from(Bound),
    error_ns=st.integers(0, _MOST),
    instructions=st.none() | _TIME,
)
_PHASES = st.builds(Phase, _TEXT, _TEXT, _TEXT, _TIME, _TIME, st.none() | _TIME)
_BOOTS = st.builds(
    Boot,
    index=st.integers(0, 999),
    pid=st.integers(0, 2**22),
    outcome=st.sampled_from(Outcome),
    marks=st.lists(_MARKS, max_size=3).map(tuple),
    phases=st.lists(_PHASES, max_size=3).map(tuple),
    suspect=st.lists(_TEXT, max_size=2).map(tuple),
    exec_ns=st.none() | _TIME,
    message=_TEXT,
)
_DEFINITIONS = st.builds(
    Definitions,
    until=st.none() | _TEXT,
    names=st.dictionaries(st.integers(8, 255), _TEXT, max_size=2),
    phases=st.dictionaries(_TEXT, st.tuples(_TEXT, _TEXT), max_size=2),
    probes=st.dictionaries(_TEXT, _TEXT, max_size=2),
    matches=st.dictionaries(_TEXT, _TEXT, max_size=2),
    column=_TEXT,
    unit=_TEXT,
)


@given(
    st.builds(
        Run,
        name=_TEXT,
        boots=st.lists(_BOOTS, max_size=3, unique_by=lambda boot: boot.index).map(tuple),
        sources=st.lists(_TEXT, max_size=2).map(tuple),
        clock=st.sampled_from(Clock),
        path=_TEXT,
        command=st.lists(_TEXT, max_size=2).map(tuple),
        accelerator=_TEXT,
        notes=st.lists(_TEXT, max_size=2).map(tuple),
        damage=_TEXT,
        kind=st.sampled_from(Kind),
        definitions=_DEFINITIONS,
    )
)
def test_whatever_is_printed_comes_back(tmp_path_factory: pytest.TempPathFactory, run: Run) -> None:
    """Also texts and times that no guest has; and each can be shown."""
    found = again(run, tmp_path_factory.getbasetemp())

    assert run == found
    assert to_text(found, _ALL)


# --- the file ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: "\n\n  " + text + "\n\n",
        lambda text: json.dumps(json.loads(text)),
        lambda text: json.dumps({**json.loads(text), "new": {"keys": [1]}}),
        lambda text: json.dumps({k: v for k, v in json.loads(text).items() if k != "summary"}),
    ],
)
def test_dialects_of_a_document(changed: Any, tmp_path: Path) -> None:
    """Line ends, a byte order mark, another layout, keys of a newer qbt, none that is made again."""
    file = tmp_path / "baseline.json"
    file.write_bytes(changed(to_json(night())).encode())

    assert night() == open_input(str(file), Options())


def test_a_document_of_boots_alone(tmp_path: Path) -> None:
    """What the promised keys leave open is as in a run of which nothing is known."""
    boot = {"index": 0, "pid": 7, "outcome": "reached", "suspect": []}
    boot |= {"marks": [{"name": "fw_start", "time_ns": 5, "source": "perf"}]}
    (tmp_path / "boots.json").write_text(json.dumps({"schema": 1, "boots": [boot]}))

    run = open_input(str(tmp_path / "boots.json"), Options())

    expected = Boot(0, 7, Outcome.REACHED, (Mark("fw_start", 5, "perf"),))
    assert Run("", (expected,)) == run


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("{}", "JSON, but no document of qbt"),
        ('{"boots": []}', "JSON, but no document of qbt"),
        ('{"schema": 1, "total": {}}', "a document of qbt without boots"),
        ('{"schema": 2, "boots": []}', "schema 2, this qbt reads 1"),
    ],
)
def test_other_documents_are_refused(content: str, what: str, tmp_path: Path) -> None:
    """The error says what it is, the hint how to make the right one."""
    error = refused(tmp_path, content)

    file = tmp_path / "baseline.json"
    expected = (f"{file}: {what}", f"print it again: qbt show --json RUN > {file}")
    assert (ExitStatus.BAD_INPUT, *expected) == (error.status, error.what, error.hint)


_BOOT = '{"index": 0, "pid": 7, "outcome": "reached"'


@pytest.mark.parametrize(
    "content",
    [
        "{",
        '{"schema": 1, "boots": [' + _BOOT,
        '{"schema": "1", "boots": []}',
        '{"schema": 1, "boots": [{}]}',
        '{"schema": 1, "boots": [' + _BOOT.replace("reached", "won") + "}]}",
        '{"schema": 1, "boots": [' + _BOOT.replace("7", "7.5") + "}]}",
        '{"schema": 1, "boots": [' + _BOOT.replace("7", "1e999") + "}]}",
        '{"schema": 1, "boots": [' + _BOOT.replace("7", "7" * 5000) + "}]}",
        '{"schema": 1, "boots": [' + _BOOT + ', "suspect": "no"}]}',
        '{"schema": 1, "boots": [], "run": {"host": [1]}}',
        '{"schema": 1, "boots": [], "run": {"clock": "sundial"}}',
        '{"schema": 1, "boots": [], "x": ' + "[" * 100_000,
        b'{"schema": 1, "boots": [], "run": {"name": "\xff"}}',
        '{"schema": 1, "boots": []} {"schema": 1}',
    ],
)
def test_what_is_no_whole_document_is_refused(content: str | bytes, tmp_path: Path) -> None:
    """Cut off, of the wrong type, nested without end, not text: one line, exit status 3."""
    error = refused(tmp_path, content)

    assert f"{tmp_path}/baseline.json: no document of qbt, or not all of it: " in error.what
    assert (ExitStatus.BAD_INPUT, 1) == (error.status, len(error.what.splitlines()))


@pytest.mark.parametrize("share", range(1, 20))
def test_a_document_cut_short(share: int, tmp_path: Path) -> None:
    """Wherever it was cut: one error, and what to do."""
    text = to_json(night())

    error = refused(tmp_path, text[: len(text) * share // 20])

    assert ("no document of qbt" in error.what, True) == (True, "qbt show --json" in error.hint)


def _with(**numbers: Any) -> Boot:
    """Make a boot with such numbers in its one mark, its one phase, or itself."""

    def own(*names: str) -> dict[str, Any]:
        return {name: numbers.pop(name) for name in names if name in numbers}

    (mark,) = marks(fw_start=1)
    mark = replace(mark, **own("time_ns", "error_ns"))
    phase = Phase("total", "exec", "fw_start", 0, 1)
    phase = replace(phase, **own("begin_ns", "end_ns", "instructions"))
    return replace(Boot(0, 1, Outcome.REACHED, (mark,), (phase,), exec_ns=0), **numbers)


@pytest.mark.parametrize(
    "where",
    [
        *("index", "pid", "attempts", "exec_ns", "time_ns", "error_ns"),
        *("begin_ns", "end_ns", "instructions"),
    ],
)
def test_numbers_that_no_boot_can_have(where: str, tmp_path: Path) -> None:
    """They would not fit what is made of them."""
    (tmp_path / "baseline.json").write_text(to_json(Run("x", (_with(**{where: 0}),))))
    assert 1 == len(open_document(tmp_path / "baseline.json").boots)

    for number in (_MOST + 1, -_MOST - 1):
        error = refused(tmp_path, to_json(Run("x", (_with(**{where: number}),))))

        assert error.what.endswith(": a number that no boot has")


@pytest.mark.parametrize(
    "phases",
    [
        (Phase("total", "exec", "fw_start", -_MOST, 1),),
        (Phase("vmm", "exec", "fw_start", 1, -_MOST), Phase("total", "exec", "up", 0, _MOST)),
        (
            Phase("a", "a", "b", 0, _MOST),
            Phase("b", "b", "c", 0, 1),
            Phase("total", "a", "c", 0, 0),
        ),
    ],
)
def test_lengths_that_no_boot_can_have(phases: tuple[Phase, ...], tmp_path: Path) -> None:
    """A length, or what the phases leave of the total, that is larger than any time."""
    boot = replace(_with(), phases=phases)

    error = refused(tmp_path, to_json(Run("x", (boot,))))

    assert error.what.endswith(": a number that no boot has")


def test_impossible_times_are_read(tmp_path: Path) -> None:
    """They are shown as they are: whoever compares judges them."""
    boot = _with(time_ns=-5, begin_ns=9, end_ns=-4 * 10**17)

    found = again(Run("x", (boot,)), tmp_path)

    assert boot == found.boots[0]
    assert "-400000000000.000" in to_text(found, _ALL)


def test_text_of_a_document_is_made_safe(tmp_path: Path) -> None:
    """Whoever wrote it does not write to the terminal."""
    evil = "\x1b]0;x\x07"
    boot = replace(_with(), suspect=(evil,), message=evil)
    run = Run(evil, (boot,), (evil,), path=evil, accelerator=evil, notes=(evil,))

    found = again(run, tmp_path)

    text = to_text(found, _ALL)
    assert evil == found.boots[0].suspect[0]
    assert "\x1b" not in text


def test_two_boots_of_one_index(tmp_path: Path) -> None:
    """Statistics tell boots apart by it: one of the two would be lost."""
    run = night()
    (boot,) = run.boots

    error = refused(tmp_path, to_json(replace(run, boots=(boot, boot))))

    assert f"{tmp_path}/baseline.json: 2 boots have the index 0" == error.what
