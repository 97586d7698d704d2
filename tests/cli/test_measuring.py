"""What the commands that keep a run refuse before they begin."""

from pathlib import Path

import pytest

from qbt_process import World


@pytest.mark.parametrize("words", [("demo",), ("record",), ("run", "--", "no-such-program")])
def test_a_run_is_not_kept_among_other_files(tmp_path: Path, words: tuple[str, ...]) -> None:
    """One line and a hint before anything else is looked at, and status 2."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here/notes").touch()
    command, *rest = words

    done = World(tmp_path, tmp_path).qbt(command, "--out", "here", *rest)

    said = [
        "qbt: here: holds other files (notes)",
        "hint: --out takes a new directory, or an empty one",
    ]
    assert (2, "", said) == (done.status, done.stdout, done.stderr.splitlines())
    assert ["notes"] == [file.name for file in (tmp_path / "here").iterdir()]
