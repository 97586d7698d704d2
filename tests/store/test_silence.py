"""Runs without a mark: what is said of them, wherever they are shown."""

from pathlib import Path
from typing import Any

import pytest

from qemu_boot_time.model import EndedBy
from qemu_boot_time.report.html.page import to_html
from qemu_boot_time.report.text import to_text
from qemu_boot_time.store.load import load_run
from runs import boot_facts, debugcon_lines, make_run

LEFT: dict[str, Any] = {"exit_status": 0}
LATE: dict[str, Any] = {"ended_by": EndedBy.TIMEOUT}
NO_DISK = "qemu-system-x86_64: -drive file=x: No such file or directory"


def notes(directory: Path, ending: dict[str, Any], **facts: Any) -> tuple[str, ...]:
    """Give what is said of a run of one boot that nothing was seen of."""
    run = make_run(directory / "run", [boot_facts(0, **ending)], raw="", **facts)
    return load_run(run).notes


@pytest.mark.parametrize(
    ("ending", "facts", "said"),
    [
        (LEFT, {}, "no mark: nothing in this guest writes one"),
        (LATE, {}, "no mark within 60 s: a longer --timeout"),
        (LEFT, {"command": ("kvm", "-S", "-qmp", "unix:q")}, "no mark: with -S and a monitor"),
        (LEFT, {"command": ("./vm.sh",)}, "no mark: ./vm.sh is not called as QEMU is"),
        (
            {"exit_status": 2, "message": "ls: invalid option -- 'e'"},
            {"command": ("ls",)},
            "no mark: ls is not called as QEMU is, so it was taken for a script",
        ),
    ],
)
def test_a_run_without_a_mark_says_why(
    tmp_path: Path, ending: dict[str, Any], facts: dict[str, Any], said: str
) -> None:
    """What the boots have in common, made of the facts of a run that was kept."""
    (note,) = notes(tmp_path, ending, **facts)

    assert note.startswith(said)


@pytest.mark.parametrize("command", [("qemu-system-x86_64",), ("./vm.sh",)])
def test_what_qemu_says_itself_is_enough(tmp_path: Path, command: tuple[str, ...]) -> None:
    """It knows better why it left."""
    assert () == notes(tmp_path, {"exit_status": 1, "message": NO_DISK}, command=command)


def test_one_boot_with_a_mark_has_all_explained(tmp_path: Path) -> None:
    """The guest writes marks, so there is another reason."""
    boots = [boot_facts(0), boot_facts(1, **LEFT)]

    assert () == load_run(make_run(tmp_path / "run", boots, raw=debugcon_lines(0))).notes


def test_each_way_to_show_it_has_the_reason(tmp_path: Path) -> None:
    """The table and the page; neither says that anything was seen."""
    run = load_run(make_run(tmp_path / "run", [boot_facts(0, **LEFT)], raw=""))

    for shown in (" ".join(to_text(run).split()), to_html([run], lambda: "")):
        assert "failed: boot 1: qemu_failed: it left without a mark" in shown
        assert "no mark: nothing in this guest writes one" in shown
        assert "watched by" in shown
        assert "seen by debugcon" not in shown
