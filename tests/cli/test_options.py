"""What the user says of marks and phases, checked before anything is measured."""

from functools import partial
from pathlib import Path
from typing import Any

import click
import pytest

from qemu_boot_time.cli.naming import asked, rules
from qemu_boot_time.cli.options import json_option, rules_options, vmm, with_kvm_console
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
        {"marks": ("9=login_prompt",)},
        {"marks": ("42=a", "0x2a=b")},
        {"marks": ("42=a", "43=a")},
        {"phases": ("net",)},
        {"phases": ("net=fw_start",)},
        {"phases": ("net=fw_start..",)},
        {"phases": ("net=a..b..c",)},
        {"phases": ("net=fw_start..up",)},
        {"phases": ("kernel=fw_start..fw_do_boot",)},
        {"phases": ("total=fw_start..fw_do_boot",)},
        {"phases": ("unaccounted=fw_start..fw_do_boot",)},
        {"phases": ("exec=fw_start..fw_do_boot",)},
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
        ("[phases]\nunaccounted = 'exec..fw_start'", 2),
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

    assert Asked(kvm_console=True) == with_kvm_console(Asked(), both, wanted=True)
    assert Asked() == with_kvm_console(Asked(), both[:1], wanted=False)
    with pytest.raises(UsageError, match="--kvm-console: source debugcon records no event of KVM"):
        with_kvm_console(Asked(), both[:1], wanted=True)


def commanded(*words: str, asked: Asked | None = None) -> tuple[Rules, dict[str, Any]]:
    """Run a command that has these options, and a decorator above them that hands over ``asked``."""
    given: list[tuple[Rules, dict[str, Any]]] = []

    def command(*, rules: Rules, **others: Any) -> None:
        given.append((rules, others))

    inner = rules_options(json_option(command))
    outer = partial(inner, asked=asked) if asked else inner
    outer.__dict__.update(inner.__dict__)
    click.command("test")(outer).main(words, standalone_mode=False)
    (found,) = given
    return found


def test_a_command_is_handed_one_value() -> None:
    """The options by themselves do not reach it; its others do."""
    words = ("--until", "up", "--mark", "42=up", "--phase", "net=linux_start_user..up", "--json")

    rules, others = commanded(*words)

    expected = said(until="up", marks=("42=up",), phases=("net=linux_start_user..up",))
    assert (expected, {"as_json": True}) == (rules, others)


def test_what_sources_are_asked_for_is_a_mark_too() -> None:
    """It may end a boot and bound a phase, and keeps the name that the user gave it."""
    asked = Asked(probes={"idle": "cpu_startup_entry"}, matches={"login": "login:"})

    rules, others = commanded("--until", "login", "--phase", "a=idle..login", asked=asked)

    assert ("login", {"a": ("idle", "login")}) == (rules.until, rules.phases)
    assert (frozenset({"idle", "login"}), asked) == (rules.names.own, others["asked"])
    with pytest.raises(QbtError, match="no mark is called 'login'"):
        commanded("--until", "login")


def test_another_vmm() -> None:
    """Instead of QEMU, wildcards allowed."""
    assert (("crosvm*",), True) == (vmm("crosvm*").patterns, vmm(None).runs("qemu-kvm"))


def test_places_that_the_console_tells_of() -> None:
    """They may end a boot and bound a phase, as the user's own may."""
    phases = ("up=target:basic..ready",)

    found = said(until="login_prompt", phases=phases, asked=Asked(matches={"ready": "x"}))

    assert ("login_prompt", {"up": ("target:basic", "ready")}) == (found.until, found.phases)
    assert (True, False) == (found.names.is_custom("ready"), found.names.is_custom("login_prompt"))


def wanted(*matches: str, probes: tuple[str, ...] = ()) -> Asked:
    """Ask for lines of the console, and for places in the kernel."""
    return asked(probes=probes, matches=matches, symbols=None, counted=False)


def test_places_in_the_kernel() -> None:
    """A name and a symbol or an address; two names of one kind or the other are two marks."""
    found = wanted("up=x", probes=("pci=pci_subsys_init", "boot=0x7c00"))

    assert {"pci": "pci_subsys_init", "boot": "0x7c00"} == found.probes
    assert {"up", "pci", "boot"} == found.names


@pytest.mark.parametrize("name", ["linux_rest_init", "fw_start", "login_prompt", "exec", "up"])
def test_names_of_places_that_are_taken(name: str) -> None:
    """Of a mark that there is, whoever sees it, or of a line of the console."""
    with pytest.raises(QbtError, match=f"(--probe|--match) {name}: the name is taken"):
        wanted("up=x", probes=(f"{name}=start_kernel",))


def test_lines_of_the_console() -> None:
    """A name and a regular expression, which may hold an equals sign."""
    assert {"up": "^ready$", "b": "x=[0-9]+"} == wanted("up=^ready$", "b=x=[0-9]+").matches


@pytest.mark.parametrize(
    "words",
    [
        ("up",),
        ("up=",),
        ("=up",),
        ("up=(",),
        ("up=*",),
        ("up=a{99999999999999999999}",),
        ("fw_start=x",),
        ("exec=x",),
        ("login_prompt=x",),
        ("decompress_start=x",),
        ("up=x", "up=y"),
        ("up=\udcff",),
        ("\udcff=up",),
    ],
)
def test_lines_that_cannot_be(words: tuple[str, ...]) -> None:
    """No regular expression, or a name that is taken: usage, in one line, with a hint."""
    with pytest.raises(QbtError) as caught:
        wanted(*words)

    assert (ExitStatus.USAGE, True) == (caught.value.status, bool(caught.value.hint))
    assert "\n" not in caught.value.what
