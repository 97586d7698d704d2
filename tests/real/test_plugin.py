"""The plugin in a real QEMU: guests as their distribution built them, and counts to the last one."""

import json
from pathlib import Path
from typing import Any

import pytest

import newer_qemu
from qbt_process import QEMU, Done, World, tiny_qemu
from qemu_boot_time.errors import HostError
from qemu_boot_time.formats.kernel import symbols_of, vmlinux_of
from qemu_boot_time.guest import builds, cache, init, initramfs, stock, tiny
from qemu_boot_time.sources.table import SOURCES
from real_host import require

pytestmark = pytest.mark.real

BIOS_BASE = 0xFFFF0000
"""Where QEMU maps an image of 64 KiB, and where its code runs from reset on."""
BZIMAGE = (
    *("qemu_init_end", "fw_start", "fw_do_boot", "linux_start_boot", "decompress_start"),
    *("decompress_end", "linux_start_kernel", "linux_rest_init", "linux_smp_init"),
    *("linux_start_user", "first_user_instruction"),
)
"""All that the plugin knows of a boot by SeaBIOS and QEMU's option ROM."""
KERNEL = [name for name in BZIMAGE if name not in {"decompress_start", "decompress_end"}]
PHASES = ["vmm", "firmware", "loader", "kernel_early", "kernel", "total"]
OUT_F4 = b"\xe6\xf4"
"""``out 0xf4, al``: what a mark of Linux's patch is."""
APPEND = " ".join(
    (
        *("console=ttyS0", "quiet", "panic=-1"),
        *init.ON_A_BUSY_HOST,
        *init.parameters(end=init.End.REBOOT),
    )
)


@pytest.fixture
def plugged(world: World) -> World:
    """Give a world where QEMU takes a plugin, with the cache of all tests: symbols take seconds."""
    probe = SOURCES["plugin"].probe()
    require(probe.ok, probe.what)
    world.env["XDG_CACHE_HOME"] = str(cache.directory("").parent)
    return world


@pytest.fixture(scope="session")
def debian(stock_kernel: stock.StockKernel) -> Path:
    """Give the stock kernel of the distribution, as a file."""
    return stock_kernel.vmlinuz


@pytest.fixture(scope="session")
def instrumented() -> builds.Built:
    """Give the kernel of our patch."""
    try:
        return builds.build(builds.Piece.LINUX)
    except HostError as error:
        require(condition=False, reason=error.what)
        raise


def linux(
    world: World, kernel: Path, *words: str, append: str = "", machine: str = "q35"
) -> tuple[str, ...]:
    """Give the command that boots a kernel into our init, which ends it."""
    archive = world.directory / "initramfs"
    archive.write_bytes(initramfs.build())
    guest = ("-kernel", str(kernel), "-initrd", str(archive), "-append", f"{APPEND}{append}")
    return (
        QEMU,
        "-M",
        machine,
        "-accel",
        "tcg",
        "-m",
        "512",
        "-nographic",
        "-no-reboot",
        *guest,
        *words,
    )


def measure(world: World, boots: int, *words: str) -> Done:
    """Boot with the plugin; the words are options, then ``--``, then QEMU."""
    return world.qbt("run", "--json", "-n", str(boots), *words, deadline_s=300)


def counts(done: Done) -> list[dict[str, int]]:
    """Give, boot by boot, the count at each mark that has one."""
    return [
        {mark["name"]: mark["instructions"] for mark in boot["marks"] if "instructions" in mark}
        for boot in done.document["boots"]
    ]


def passed(world: World) -> list[dict[str, Any]]:
    """Give what the plugin told in the last run, with the names of the places."""
    looked, *lines = map(json.loads, (world.runs[-1] / "raw/plugin.jsonl").read_text().splitlines())
    return [line | looked["places"][line["place"]] for line in lines]


# --- tiny guests: every instruction is known ---------------------------------------------------


def spun(world: World) -> tuple[Path, str, int]:
    """Make a guest that counts down; give it, the address behind that, and the count there."""
    steps = (*tiny.marks(*tiny.PROTOCOL), tiny.Spin(1000))
    behind = BIOS_BASE + sum(len(step.code()) for step in steps)
    jump, marks, spin = 1, 2 * len(tiny.PROTOCOL), 1 + 2 * 1000
    return world.bios(*steps, tiny.DebugExit()), f"{behind:#x}", jump + marks + spin


@pytest.mark.parametrize("clock", ["time", "instructions"])
def test_counts_are_exact(plugged: World, clock: str) -> None:
    """To the last instruction, with QEMU's own counting and without."""
    bios, behind, count = spun(plugged)
    options = ("--clock", clock, "--count", "--probe", f"spun={behind}")

    done = measure(plugged, 3, *options, "--", *tiny_qemu(bios))

    counted = {"qemu_init_end": 0, "fw_start": 1, "spun": count}
    named = [{name: found[name] for name in counted} for found in counts(done)]
    assert (0, [counted] * 3) == (done.status, named)


@pytest.mark.build
def test_a_newer_qemu_takes_the_plugin_too(plugged: World) -> None:
    """Its interface is another one, and the counts are the same."""
    (plugged.directory / "bin").mkdir()
    plugged.env["PATH"] = newer_qemu.put_first(plugged.directory / "bin")
    bios, behind, count = spun(plugged)

    done = measure(plugged, 2, "--count", "--probe", f"spun={behind}", "--", *tiny_qemu(bios))

    facts = json.loads((plugged.runs[-1] / "run.json").read_text())
    assert "version 7" not in facts["host"]["qemu"]
    assert [count] * 2 == [found["spun"] for found in counts(done)]


def test_a_reset_begins_another_attempt(plugged: World) -> None:
    """What comes after the last reset is the boot, and every place is seen anew."""
    steps = (tiny.Reset(2),)
    behind = BIOS_BASE + sum(len(step.code()) for step in steps)
    bios = plugged.bios(*steps, tiny.DebugExit())
    options = ("--source", "plugin", "--probe", f"after={behind:#x}")

    done = measure(plugged, 1, *options, "--", *tiny_qemu(bios))

    (boot,) = done.document["boots"]
    assert (3, ["guest_reset"]) == (boot["attempts"], boot["suspect"])
    assert ["qemu_init_end", "fw_start", "after"] == done.marks()
    assert ["fw_start"] * 2 == [mark["name"] for mark in boot["other_attempts"]]


def test_a_place_of_the_users_ends_the_boot(plugged: World) -> None:
    """--until takes a probe, and brings the plugin along."""
    steps = (*tiny.marks("fw_start"), tiny.Hang())
    bios = plugged.bios(*steps)
    hang = BIOS_BASE + sum(len(step.code()) for step in steps[:-1])
    options = ("--probe", f"hangs={hang:#x}", "--until", "hangs")

    done = measure(plugged, 2, *options, "--", *tiny_qemu(bios))

    assert (0, ["reached"] * 2) == (done.status, done.outcomes)
    assert ["qemu_init_end", "fw_start", "hangs"] == done.marks()


def test_kvm_is_refused(plugged: World) -> None:
    """A plugin sees translated code alone, and the user is told what does see KVM."""
    bios = plugged.bios(tiny.DebugExit())

    done = plugged.run("--source", "plugin", "--", *tiny_qemu(bios, accelerator="kvm"))

    assert 0 != done.status
    assert "KVM" in done.stderr
    assert [] == plugged.runs


def test_what_cannot_be_looked_for_keeps_no_run(plugged: World) -> None:
    """It is told before the first boot, so `last` is still the run before."""
    bios = plugged.bios(tiny.DebugExit())

    done = plugged.run("--probe", "mine=start_kernel", "--", *tiny_qemu(bios))

    assert 2 == done.status
    assert "no kernel's symbols are known" in done.stderr
    assert [] == plugged.runs


# --- Linux as it comes ------------------------------------------------------------------------


def test_a_stock_guest_shows_every_place_in_ten_boots(plugged: World, debian: Path) -> None:
    """No patch anywhere: every place in each boot, in order, and all phases have their names."""
    done = measure(plugged, 10, "--source", "plugin", "--", *linux(plugged, debian))

    assert [list(BZIMAGE)] * 10 == [done.marks(boot) for boot in range(10)]
    assert [[]] * 10 == [boot["suspect"] for boot in done.document["boots"]]
    assert [PHASES] * 10 == [
        [phase["name"] for phase in boot["phases"]] for boot in done.document["boots"]
    ]
    bounds = {mark["name"]: mark["bound"] for mark in done.document["boots"][0]["marks"]}
    assert {"fw_do_boot": "ge", "linux_start_boot": "le"} == {
        name: bound for name, bound in bounds.items() if bound != "exact"
    }


@pytest.mark.parametrize("append", [" nokaslr", ""])
def test_the_slide_of_kaslr_is_found(plugged: World, debian: Path, append: str) -> None:
    """Where the kernel lies is drawn anew; its functions are where they were linked to plus that."""
    linked = symbols_of(debian.read_bytes(), str(debian)).address_of("start_kernel")
    options = ("--source", "plugin", "--until", "linux_start_kernel")

    measure(plugged, 2, *options, "--", *linux(plugged, debian, append=append))

    starts = [line["address"] for line in passed(plugged) if line["event"] == "start_kernel"]
    slides = [start - linked for start in starts]
    assert [0, 0] == [slide % 0x200000 for slide in slides]
    assert (append == "") == any(slides)


@pytest.mark.build
def test_places_are_where_the_port_writes_are(plugged: World, instrumented: builds.Built) -> None:
    """On a patched kernel the symbol and the write of one trace point are close to each other."""
    kernel = instrumented.files["bzImage"]
    writes = {
        name: _out_in(kernel, symbol)
        for name, symbol in (("kernel_port", "start_kernel"), ("user_port", "kernel_init"))
    }
    probes = [word for name, at in writes.items() for word in ("--probe", f"{name}={at:#x}")]
    qemu = linux(plugged, kernel)

    done = measure(plugged, 3, "--source", "plugin", "--count", *probes, "--", *qemu)

    # An interrupt may come between the two, and run some 1,700 instructions: not in all boots.
    for symbol, port in (("linux_start_kernel", "kernel_port"), ("linux_start_user", "user_port")):
        assert 10 >= min(abs(found[symbol] - found[port]) for found in counts(done))


def _out_in(kernel: Path, symbol: str) -> int:
    """Find the mark's instruction in a function: the address that it was linked to."""
    vmlinux = vmlinux_of(kernel.read_bytes(), str(kernel))
    from io import BytesIO

    from elftools.elf.elffile import ELFFile

    begin = symbols_of(kernel.read_bytes(), str(kernel)).address_of(symbol)
    for segment in ELFFile(BytesIO(vmlinux)).iter_segments("PT_LOAD"):
        offset = begin - segment["p_vaddr"]
        if 0 <= offset < segment["p_filesz"]:
            return begin + int(segment.data()[offset:].index(OUT_F4))
    raise AssertionError(symbol)


@pytest.mark.build
def test_pvh_is_seen(plugged: World, instrumented: builds.Built) -> None:
    """An ELF kernel has no set-up code; its own entry is what the option ROM jumps to."""
    qemu = linux(plugged, instrumented.files["vmlinux"])

    done = measure(plugged, 1, "--source", "plugin", "--", *qemu)

    expected = ["linux_start_pvhboot" if n == "linux_start_boot" else n for n in KERNEL]
    assert expected == done.marks()


@pytest.mark.parametrize("machine", ["pc", "microvm,acpi=off"])
def test_other_machines(plugged: World, debian: Path, machine: str) -> None:
    """The same places; microvm's firmware has no int 0x19 of its own."""
    qemu = linux(plugged, debian, machine=machine)

    done = measure(plugged, 1, "--source", "plugin", "--", *qemu)

    missing = {"fw_do_boot"} if machine.startswith("microvm") else set()
    assert [name for name in BZIMAGE if name not in missing] == done.marks()


# --- the clock of instructions -----------------------------------------------------------------


@pytest.mark.build
def test_instructions_are_the_same_every_time(plugged: World, instrumented: builds.Built) -> None:
    """Five boots, bit by bit; then a longer command line is found from one boot, with its phase."""
    kernel = instrumented.files["bzImage"]
    run = ("--clock", "instructions", "--out")

    same = measure(plugged, 5, *run, "one", "--", *linux(plugged, kernel))
    longer = measure(plugged, 1, *run, "two", "--", *linux(plugged, kernel, append=" x=1"))

    assert [list(BZIMAGE)] == [list(each) for each in counts(same)[:1]]
    assert [counts(same)[0]] * 5 == counts(same)
    text = plugged.qbt("show", "one").stdout
    assert "note: instructions: the same at each of 11 marks in 5 boots" in text
    assert "phase (instructions)" in text
    assert counts(same)[0] != counts(longer)[0]
    verdicts = _verdicts(plugged, "one", "two")
    assert {"firmware": "SAME", "loader": "SAME"}.items() <= verdicts.items()
    assert verdicts["kernel_early"] in {"SLOWER", "FASTER"}
    assert {"SAME"} == set(_verdicts(plugged, "one", "one").values())


def _verdicts(world: World, first: str, second: str) -> dict[str, str]:
    done = world.qbt("compare", "--json", first, second)
    phases = {phase["name"]: phase["verdict"] for phase in done.document["phases"]}
    assert (done.document["total"]["verdict"] == "SLOWER") == (done.status == 1)
    return phases


def test_a_run_of_times_is_not_compared_with_counts(plugged: World) -> None:
    """The two are never mixed, whoever insists: one line says what can be compared."""
    bios, *_ = spun(plugged)
    command = ("--", *tiny_qemu(bios))
    measure(plugged, 1, "--out", "timed", "--source", "debugcon", *command)
    measure(plugged, 1, "--out", "counted", "--clock", "instructions", *command)

    done = plugged.qbt("compare", "timed", "counted", "--same-definition", "--anyway")

    assert 2 == done.status
    assert "first was measured in time, the second in instructions" in done.stderr
    assert "hint: measure both sides with the same --clock" in done.stderr
