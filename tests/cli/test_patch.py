"""``qbt patch``: what it prints, and where."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from qemu_boot_time.cli.patch import command
from qemu_boot_time.guest import data
from qemu_boot_time.guest.patches import Project
from trees import make_patch, write


def test_list_names_every_patch_and_its_switch() -> None:
    """Each project has a line, and the JSON document says the same."""
    text = CliRunner().invoke(command, ["list"]).stdout
    document = json.loads(CliRunner().invoke(command, ["list", "--json"]).stdout)

    assert [patch.value for patch in Project] == [p["project"] for p in document["patches"]]
    for patch in document["patches"]:
        assert patch["subject"] in text
        assert patch["switch"] in text


def test_show_prints_the_patch_as_it_is() -> None:
    """What is printed can be given to git am."""
    shown = CliRunner().invoke(command, ["show", "seabios"])

    path = data.directory("patches") / "seabios/boot-time-marks.patch"
    assert path.read_text() == shown.stdout


def test_apply_tells_what_was_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tree and the subject are data, the switch is advice."""
    target = tmp_path / "patches/seabios/marks.patch"
    make_patch(tmp_path / "made", {"post.c": "post\n"}, {"post.c": "MARK\npost\n"}, target)
    monkeypatch.setattr(data, "directory", lambda name: tmp_path / name)
    tree = write(tmp_path / "seabios", {"post.c": "post\n"})

    done = CliRunner().invoke(command, ["apply", "seabios", "--tree", str(tree)])

    assert done.stdout == f"{tree}: post: Add marks (git apply)\n"
    assert "CONFIG_BOOT_TIME_MARKS=y" in done.stderr
    assert (tree / "post.c").read_text() == "MARK\npost\n"
