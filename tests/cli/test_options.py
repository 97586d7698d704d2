"""What the user says of marks and phases, checked before anything is measured."""

from pathlib import Path
from typing import Any

import pytest

from qemu_boot_time.cli.options import asked, rules, vmm
from qemu_boot_time.errors import ExitStatus, QbtError, UsageError
from qemu_boot_time.phases import Rules
from qemu_boot_time.sources.base import Asked
from qemu_boot_time.sources.table import SOURCES


def said(config: str | None = None, **words: Any) -> Rules:
    """Join what is said."""
    usual: dict[str, Any] = {"until": None, "marks": (), "phases": ()}
    return rules(**{**usual, **words}, config=config)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Name a configuration that is yet to be written."""
    return tmp_path / "qbt.toml"


def test_nothing_said() -> None:
    """The protocol alone."""
    assert Rules() == said()


def test_all_that_can_be_said() -> None:
    """Values in any base, names that may end a boot and bound phases."""
    found = said(until="up", marks=("0x2a=up", "9=seen"), phases=("net=linux_start_user..up",))

    assert {42: "up", 9: "seen"} == found.names.custom
    assert ("up", {"net": ("linux_start_user", "up")}) == (found.until, found.phases)


def test_a_file_says_the_same(config: Path) -> None:
    """Phases as text or as a pair; the command line beats the file."""
    config.write_text(
        '[marks]\n42 = "up"\n43 = "ready"\n[phases]\na = "exec..up"\nb = ["up", "Exit point 9"]\n'
    )

    found = said(str(config), marks=("0x2b=done",))

    assert {42: "up", 43: "done"} == found.names.custom
    assert {"a": ("exec", "up"), "b": ("up", "Exit point 9")} == found.phases


@pytest.mark.parametrize(
    "words",
    [
        {"until": "linux_start_usr"},
        {"until": "exec"},
        {"until": ""},
        {"marks": ("42",)},
        {"marks": ("=up",)},
        {"marks": ("42=",)},
        {"marks": ("7=up",)},
        {"marks": ("256=up",)},
        {"marks": ("x=up",)},
        {"marks": ("9=fw_start",)},
        {"marks": ("9=exec",)},
        {"marks": ("9=power_off",)},
        {"phases": ("net",)},
        {"phases": ("net=fw_start",)},
        {"phases": ("net=fw_start..",)},
        {"phases": ("net=a..b..c",)},
        {"phases": ("net=fw_start..up",)},
        {"phases": ("kernel=fw_start..fw_do_boot",)},
        {"phases": ("total=fw_start..fw_do_boot",)},
    ],
)
def test_what_makes_no_sense_is_usage(words: dict[str, Any]) -> None:
    """Unknown marks, values that are the protocol's, names that are taken."""
    with pytest.raises(QbtError) as caught:
        said(**words)

    assert (ExitStatus.USAGE, True) == (caught.value.status, bool(caught.value.hint))


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ("[marks", 3),
        ("marks = 1", 3),
        ("[mark]\n42 = 'up'", 3),
        ("[marks]\n42 = 5", 2),
        ("[marks]\n42 = ['up']", 2),
        ("[phases]\nnet = 5", 2),
        ("[phases]\nnet = ['exec', 5]", 2),
        ("[phases]\nnet = ['exec']", 2),
        ("[phases]\nnet = {a = 1, b = 2}", 2),
    ],
)
def test_a_bad_file_is_no_traceback(config: Path, content: str, status: int) -> None:
    """Whatever TOML allows, two ends and a name are what is wanted."""
    config.write_text(content)

    with pytest.raises(QbtError) as caught:
        said(str(config))

    assert status == caught.value.status


def test_a_file_that_is_not_there_or_no_text(config: Path) -> None:
    """Bad input, both."""
    with pytest.raises(QbtError, match="No such file or directory"):
        said(str(config))
    config.write_bytes(b"\xff")
    with pytest.raises(QbtError, match=r"qbt\.toml: "):
        said(str(config))


def test_a_place_that_nobody_writes_may_end_a_boot() -> None:
    """It is a mark as any other, and bounds the user's phases."""
    found = said(until="decompress_end", phases=("unpack=decompress_start..decompress_end",))

    assert ("decompress_end", ["unpack"]) == (found.until, list(found.phases))


def test_the_console_needs_a_source_that_records_kvm() -> None:
    """Of several one is enough; where there is none it cannot be had."""
    both = [SOURCES["debugcon"], SOURCES["perf"]]

    assert Asked(kvm_console=True) == asked(both, kvm_console=True)
    assert Asked() == asked(both[:1], kvm_console=False)
    with pytest.raises(UsageError, match="--kvm-console: source debugcon records no event of KVM"):
        asked(both[:1], kvm_console=True)


def test_another_vmm() -> None:
    """Instead of QEMU, wildcards allowed."""
    assert (("crosvm*",), True) == (vmm("crosvm*").patterns, vmm(None).runs("qemu-kvm"))
