"""``qbt record``: real VMs that a script starts while we watch.

Other VMs may boot on this host meanwhile: each test has a VMM of a name of its own.
"""

import json
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from qbt_process import DEADLINE_S, QEMU, Done, World, tiny_qemu
from qemu_boot_time.guest import tiny
from qemu_boot_time.sources.table import SOURCES
from real_host import require

pytestmark = pytest.mark.real

ABLE = [name for name, source in SOURCES.items() if source.recordings is not None]
MARKS = ["qemu_init_end", *tiny.PROTOCOL]
READY = "watching for"
LEFT_OUT = re.compile(r"left out: (.*, )?(qemu-system-x86|process \d+) \(\d+\)")
"""QEMU itself; by number where the host was so busy that tracefs had forgotten its name too."""


@pytest.fixture(params=ABLE)
def source(request: pytest.FixtureRequest, kvm: str) -> str:
    """Give a source that may see other people's VMs here."""
    probe = SOURCES[request.param].probe()
    require(kvm == "kvm" and probe.ok, probe.what)
    return str(request.param)


def _named(world: World, name: str) -> str:
    """Give QEMU another name: what the kernel calls a program is the base name that was executed."""
    link = world.directory / name
    if not link.exists():
        link.symlink_to(str(shutil.which(QEMU)))
    return str(link)


def _own_name(world: World) -> str:
    """Give the name of this test's VMM, within the 15 bytes that the kernel keeps."""
    return f"vmm-{world.temporary.name.rpartition('-')[2]}"


def _qemu(world: World, *, program: str = "", ends: bool = True) -> str:
    """Give the words that boot a tiny guest, in the test's own VMM unless said otherwise."""
    program = program or _named(world, _own_name(world))
    last: tiny.Step = tiny.DebugExit() if ends else tiny.Hang()
    bios = world.bios(*tiny.marks(*tiny.PROTOCOL, spin=1000), last, name=f"{ends}.bin")
    return " ".join((program, *tiny_qemu(bios, accelerator="kvm")[1:]))


def _three(world: World) -> str:
    """Give a script that starts three VMs: itself, through a wrapper, and as a daemon."""
    qemu, pid_file = _qemu(world), world.directory / "daemon.pid"
    gone = f"while kill -0 $(cat {pid_file}) 2>/dev/null; do sleep 0.05; done"
    daemon = f"{qemu} -daemonize -pidfile {pid_file}"
    return world.script(f"echo hello\n{qemu}\nsh -c '{qemu}; true'\n{daemon}\n{gone}\nexit $1")


def _asked(world: World, source: str) -> tuple[str, ...]:
    return ("record", "--json", "--source", source, "--comm", _own_name(world))


def _record(world: World, source: str, *words: str) -> Done:
    return world.qbt(*_asked(world, source), *words)


def test_qemu_is_watched_unless_something_else_is_named(world: World, source: str) -> None:
    """Without --comm all that is called as QEMU is counts: other people's VMs, and this one."""
    pid_file = world.directory / "pid"
    script = world.script(f"echo $$ > {pid_file}; exec {_qemu(world, program=QEMU)}")

    done = world.qbt("record", "--json", "--source", source, "--", script)

    seen = [boot for boot in done.document["boots"] if boot["pid"] == int(pid_file.read_text())]
    assert [MARKS] == [[mark["name"] for mark in boot["marks"]] for boot in seen]


def test_the_vms_of_a_script_are_seen_and_kept(world: World, source: str) -> None:
    """Whoever starts them and however they detach themselves: all marks of all three, and again."""
    done = _record(world, source, "--", _three(world), "0")

    assert (0, ["reached"] * 3) == (done.status, done.outcomes)
    assert [MARKS] * 3 == [done.marks(boot) for boot in range(3)]
    assert [[]] * 3 == [boot["suspect"] for boot in done.document["boots"]]
    assert 3 == len({boot["pid"] for boot in done.document["boots"]})
    assert "hello" in done.stderr
    for command in ("show", "analyze"):
        again = world.qbt(command, "--json", str(world.runs[-1]))
        assert done.document["boots"] == again.document["boots"]
    listed = world.qbt("list", "--json").document["runs"]
    assert [3] == [run["boots"] for run in listed]


def test_vms_at_once_are_told_apart(world: World, source: str) -> None:
    """Four VMs that boot at the same time have all their marks each."""
    qemu = _qemu(world)

    done = _record(world, source, "--", world.script(f"{f'{qemu} & ' * 4} wait"))

    assert (0, ["reached"] * 4) == (done.status, done.outcomes)
    assert [MARKS] * 4 == [done.marks(boot) for boot in range(4)]


def test_a_vm_that_was_there_before(world: World, source: str) -> None:
    """Its name is known though its exec was not seen, which is said; ftrace names its first vCPU."""
    argv = [*_qemu(world).split(), "-S", "-monitor", "stdio"]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as vm:
        assert vm.stdout is not None
        assert "QEMU" in vm.stdout.readline()  # its monitor is there, so it is called as it will be
        with world.start(*_asked(world, source)) as child:
            _wait_until_ready(child)
            vm.communicate("cont\n", timeout=DEADLINE_S)
            child.send_signal(signal.SIGINT)
            stdout, _ = child.communicate(timeout=DEADLINE_S)

    (boot,) = json.loads(stdout)["boots"]
    assert (0, ["exec_not_seen"]) == (child.returncode, boot["suspect"])
    assert source == "tracefs" or vm.pid == boot["pid"]
    seen = [mark["name"] for mark in boot["marks"]]
    assert list(tiny.PROTOCOL) == [name for name in seen if name != "qemu_init_end"]


def test_the_status_of_the_command_is_told(world: World, kvm: str) -> None:
    """It is the command's own affair, and a note of the table."""
    assert kvm
    script = _three(world)

    done = world.qbt("record", "--comm", _own_name(world), "--", script, "3")

    assert 0 == done.status
    assert f"note: {script} ended with status 3" in done.stdout
    assert "ended with status 3" in world.qbt("show", "last").stdout


def test_enough_vms_end_it(world: World, source: str) -> None:
    """With -n it ends when so many have got there; what CMD still runs then is ended with it."""
    qemu = _qemu(world, ends=False)
    script = world.script(f"{qemu} & {qemu}")

    done = _record(world, source, "-n", "2", "--until", "linux_start_kernel", "--", script)

    assert (0, ["reached"] * 2) == (done.status, done.outcomes)
    assert any("still ran" in note for note in done.document["run"]["notes"])


def test_a_vm_that_is_met_on_its_way_has_not_failed(world: World, source: str) -> None:
    """Enough others were there: it is interrupted, shown as such again, and the recording is well."""
    says = tiny.Write(0xE9, ord("x"))
    begun = world.bios(*tiny.marks("fw_start"), says, tiny.Hang(), name="begun.bin")
    words = (*tiny_qemu(begun, accelerator="kvm")[1:], "-debugcon", "file:said")
    slow = " ".join((*_qemu(world).split()[:1], *words))
    has_begun = "until test -s said; do sleep 0.05; done"
    script = world.script(f"{slow} & {has_begun}; {_qemu(world, ends=False)}")

    done = _record(world, source, "-n", "1", "--until", "linux_start_user", "--", script)

    shown = world.qbt("show", "--json")
    assert (0, ["interrupted", "reached"]) == (done.status, done.outcomes)
    assert (0, ["interrupted", "reached"]) == (shown.status, shown.outcomes)


def test_a_stranger_is_counted_and_named(world: World, kvm: str) -> None:
    """A command may have a daemon start its VMs: -n counts all, and a note says which are not its own."""
    assert kvm
    words = ("-n", "1", "--until", "linux_start_user", "--", "sleep", "1000")
    with world.start(*_asked(world, "perf_event"), *words) as child:
        _wait_until_ready(child)
        with subprocess.Popen(_qemu(world).split()) as vm:
            vm.wait(DEADLINE_S)
        stdout, _ = child.communicate(timeout=DEADLINE_S)

    document = json.loads(stdout)
    assert (0, [vm.pid]) == (child.returncode, [boot["pid"] for boot in document["boots"]])
    said = f"-n counts all VMs: sleep did not start process {vm.pid} itself"
    assert said in document["run"]["notes"]


def test_time_ends_it(world: World, kvm: str) -> None:
    """--for bounds a command that does not end, and a VM that did not get there has failed."""
    assert kvm
    qemu = _qemu(world, ends=False)
    own = ("--json", "--comm", _own_name(world))
    until = ("--mark", "9=never", "--until", "never")

    done = world.qbt("record", *own, "--for", "2s", *until, "--", *qemu.split())

    assert (4, ["ended"]) == (done.status, done.outcomes)
    assert MARKS == done.marks()


def test_nothing_seen(world: World, kvm: str) -> None:
    """One line says so, with a hint; a program of another name is reported as left out."""
    assert kvm
    own = ("record", "--comm", _own_name(world))
    foreign = _qemu(world, program=_named(world, "otherwise")).split()

    done = world.qbt(*own, "--for", "0.1s")
    left_out = world.qbt(*own, "--", *foreign)

    assert (4, 4) == (done.status, left_out.status)
    assert "qbt: no VM was seen that wrote a mark" in done.stderr
    assert re.search(r"left out: (.*, )?otherwise \(5\)", left_out.stderr)
    assert "--comm NAME" in left_out.stderr
    assert 3 == len(done.stderr.splitlines())


def test_a_vmm_of_another_name(world: World, source: str) -> None:
    """--comm names it, and then QEMU itself is what is left out."""
    script = world.script(f"{_qemu(world, program=QEMU)}\n{_qemu(world)}")

    done = _record(world, source, "--", script)

    assert (0, ["reached"]) == (done.status, done.outcomes)
    assert MARKS == done.marks()
    assert any(LEFT_OUT.search(note) for note in done.document["run"]["notes"])


@pytest.mark.parametrize("words", [(), ("--for", "1h"), ("--", "sleep", "1000")])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it(
    world: World, source: str, words: tuple[str, ...], number: signal.Signals
) -> None:
    """Ctrl-C shows the table, with status 0 where it was the only end; all is kept either way."""
    qemu = _qemu(world)
    with world.start(*_asked(world, source), *words) as child:
        _wait_until_ready(child)
        subprocess.run(qemu.split(), check=False, capture_output=True, timeout=DEADLINE_S)
        child.send_signal(number)
        stdout, _ = child.communicate(timeout=DEADLINE_S)

    if number is signal.SIGINT:
        assert (130 if words else 0) == child.returncode
        assert [MARKS] == [
            [mark["name"] for mark in b["marks"]] for b in json.loads(stdout)["boots"]
        ]
    else:
        assert 143 == child.returncode
    assert MARKS == world.qbt("show", "--json").marks()
    assert [] == world.leftovers()


def _wait_until_ready(child: "subprocess.Popen[str]") -> None:
    assert child.stderr is not None
    while READY not in (line := child.stderr.readline()):
        assert line


def test_sigkill_leaves_nothing_but_what_was_seen(world: World, source: str) -> None:
    """The command ends with us, and the recording so far can be shown."""
    script = world.script(f"{_qemu(world)}\nsleep 1000")
    with world.start(*_asked(world, source), "--", script) as child:
        _wait_until_ready(child)
        deadline = time.monotonic() + DEADLINE_S
        while _shown(world) != [MARKS]:
            assert time.monotonic() < deadline
        child.kill()

    assert [] == world.leftovers()
    assert [MARKS] == _shown(world)


def _shown(world: World) -> list[list[str]]:
    done = world.qbt("show", "--json")
    if not done.stdout:
        return []
    return [done.marks(boot) for boot in range(len(done.document["boots"]))]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--source", "debugcon"), "--source debugcon sees no VM that somebody else starts"),
        (("-n", "3"), "-n counts VMs that have got there"),
        (("--for", "soon"), "no duration"),
        (("--for", "0"), "no duration"),
    ],
)
def test_what_makes_no_sense(world: World, words: tuple[str, ...], said: str) -> None:
    """It is refused with the reason, and nothing is kept."""
    done = world.qbt("record", *words)

    assert 2 == done.status
    assert said in done.stderr
    assert [] == world.runs


def test_a_missing_command(world: World) -> None:
    """A command that is not there is told before anything is armed."""
    done = world.qbt("record", "--", "no-such-program")

    assert (5, []) == (done.status, world.runs)
    assert "no-such-program: not found" in done.stderr


def test_left_tracefs_clean(world: World, kvm: str) -> None:
    """No instance of ours is left, whatever ended it."""
    assert kvm
    instances = Path("/sys/kernel/tracing/instances")
    probe = SOURCES["tracefs"].probe()
    require(probe.ok, probe.what)
    with world.start("record", "--source", "tracefs", "--for", "1h") as child:
        _wait_until_ready(child)
        mine = list(instances.glob(f"qbt-{child.pid}-*"))
        child.kill()

    assert 1 == len(mine)
    assert [] == world.leftovers()
    assert not mine[0].exists()
