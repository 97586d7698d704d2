"""``qbt run --profile``: a firmware that leaves the guest a known number of times is counted exactly."""

import subprocess

import pytest

import exit_guest
from exit_guest import EXITS, counted
from qbt_process import World, tiny_qemu
from qemu_boot_time import process
from qemu_boot_time.cli.measuring import facts_of
from qemu_boot_time.guest import tiny
from qemu_boot_time.measure import Plan, Silence, measure
from qemu_boot_time.phases import Rules
from qemu_boot_time.sources import perf_event
from qemu_boot_time.sources.exits import recorder
from qemu_boot_time.sources.exits.recorder import ExitRecorder
from qemu_boot_time.store.facts import RunWriter
from qemu_boot_time.store.load import load_run
from qemu_boot_time.vm.command import parse

pytestmark = pytest.mark.real

PROFILE = ("--profile-boots", "2", "--source", "perf_event")


@pytest.fixture
def command(traced: str, world: World) -> tuple[str, ...]:
    """Give the command that boots the firmware."""
    bios = world.directory / "exits.bin"
    bios.write_bytes(exit_guest.image())
    return (*tiny_qemu(bios, accelerator=traced), *exit_guest.DEVICES)


def test_every_exit_is_counted_once(command: tuple[str, ...], world: World) -> None:
    """In its phase, with the name of its device; a string instruction makes several accesses."""
    done = world.run(*PROFILE, "--", *command)

    assert 0 == done.status, done.stderr
    boots = done.document["profile"]["boots"]
    assert [EXITS, EXITS] == [counted(boot) for boot in boots]


def test_the_boots_do_not_count(command: tuple[str, ...], world: World) -> None:
    """The table is that of the measured boots alone, and the run shows both again."""
    done = world.run(*PROFILE, "--", *command)

    again = world.qbt("show", "--json", str(world.runs[-1]))
    assert [0, 1] == [boot["index"] for boot in done.document["boots"]]
    assert [2, 3] == [boot["index"] for boot in done.document["profile"]["boots"]]
    assert done.document["profile"] == again.document["profile"]


def test_another_vm_is_not_counted(command: tuple[str, ...], world: World) -> None:
    """A guest beside ours that does nothing but exit changes nothing."""
    flood = world.bios(tiny.Flood(1 << 30), name="flood.bin")
    with subprocess.Popen(tiny_qemu(flood, accelerator="kvm"), stderr=subprocess.DEVNULL) as other:
        try:
            done = world.run(*PROFILE, "--", *command)
        finally:
            other.kill()

    assert 0 == done.status, done.stderr
    boots = done.document["profile"]["boots"]
    assert [EXITS, EXITS] == [counted(boot) for boot in boots]


@pytest.mark.parametrize("how", ['{} "$@" &', 'exec {} "$@"'])
def test_a_script_that_starts_qemu(command: tuple[str, ...], world: World, how: str) -> None:
    """It is paused and let go behind a script, too."""
    script = world.script(how.format(" ".join(command)))

    done = world.run(*PROFILE, "--", script)

    assert 0 == done.status, done.stderr
    boots = done.document["profile"]["boots"]
    assert [EXITS, EXITS] == [counted(boot) for boot in boots]


def test_other_sources_may_see_the_marks(command: tuple[str, ...], world: World) -> None:
    """The write that is a mark bounds its phase by its own stamp, however late the source saw it."""
    done = world.run("--source", "debugcon", "--profile-boots", "1", "--", *command)

    assert 0 == done.status, done.stderr
    (boot,) = done.document["profile"]["boots"]
    firmware = {place: n for place, n in EXITS.items() if place[0] == "firmware"}
    assert firmware == {place: n for place, n in counted(boot).items() if place[0] == "firmware"}


def test_perf_counts_the_same(command: tuple[str, ...], perf: str, world: World) -> None:
    """``perf script`` of the raw file, which is a perf.data, shows as many port accesses."""
    assert perf == "kvm"
    done = world.run(*PROFILE, "--", *command)

    (boot, _) = done.document["profile"]["boots"]
    file = world.runs[-1] / f"raw/boot-{boot['index']:04}.exits.data"
    fields = ("-F", "pid,event,trace", "--pid", str(world.facts()[boot["index"]]["pids"][0]))
    said = process.run(["perf", "script", "-i", str(file), *fields], timeout_s=60).stdout
    ports = [line for line in said.splitlines() if "kvm_pio" in line and "0x501 " not in line]
    assert len(ports) == sum(
        exits for (_, _, kind), (exits, _) in EXITS.items() if kind.startswith("port")
    )


def test_a_boot_that_lost_events_has_no_counts(
    traced: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rings of one page that are emptied at the end: no number is given, and it is said why."""
    monkeypatch.setattr(recorder, "_MOST_PAGES", 1)
    monkeypatch.setattr(recorder, "_LEAST_PAGES", 1)
    monkeypatch.setattr(ExitRecorder, "readers", lambda _: {})
    bios = world.bios(*tiny.marks("fw_start"), tiny.Flood(3000), tiny.DebugExit())
    command = parse(tiny_qemu(bios, accelerator=traced))
    plan = Plan(command, 1, Rules(), (perf_event.SOURCE,), timeout_s=60, profiles=1)
    run = world.directory / "run"

    measure(plan, RunWriter.begin(run, facts_of(plan, ())), Silence())

    (profile,) = load_run(run).profiles
    assert ((), True) == (profile.counters, "events were lost" in profile.notes[0])


def test_qemus_own_time_is_told(command: tuple[str, ...], world: World) -> None:
    """Where QEMU serves an exit, how long that took is known, and it is part of the phase."""
    done = world.run(*PROFILE, "--", *command)

    (phase,) = [p for p in done.document["profile"]["phases"] if p["phase"] == "loader"]
    serial = next(row for row in phase["rows"] if row["device"] == "serial")
    assert 0 < serial["outside_ns"]["median"] <= phase["outside_ns"]["median"]


@pytest.mark.parametrize(("words", "profiled"), [((), []), (("--keep-going",), ["timeout"])])
def test_a_guest_that_never_gets_there_is_not_profiled(
    traced: str, world: World, words: tuple[str, ...], profiled: list[str]
) -> None:
    """Its boots would take their whole time for nothing; --keep-going has them all the same."""
    endless = tiny_qemu(world.bios(tiny.Hang()), accelerator=traced)
    once = ("-n", "1", "--timeout", "2", "--profile-boots", "1", *words)

    done = world.run("--source", "perf_event", *once, "--", *endless)

    assert (4, ["timeout"]) == (done.status, done.outcomes), done.stderr
    boots = done.document.get("profile", {}).get("boots", [])
    assert profiled == [boot["outcome"] for boot in boots]
    assert (not profiled) is any(
        "none more for --profile" in n for n in done.document["run"]["notes"]
    )


def test_without_kvm_there_is_nothing_to_count(world: World) -> None:
    """One error, with what else there is."""
    bios = world.bios(*tiny.marks(*tiny.PROTOCOL), tiny.DebugExit())

    done = world.run("--profile", "--", *tiny_qemu(bios))

    assert 2 == done.status
    assert "no KVM" in done.stderr
    assert "--source plugin" in done.stderr
