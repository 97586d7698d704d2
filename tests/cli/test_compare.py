"""``qbt compare``: two runs of counts, and what the shell is told."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from qemu_boot_time.cli.compare import command
from qemu_boot_time.errors import ExitStatus, QbtError, UsageError
from qemu_boot_time.model import Clock, EndedBy
from qemu_boot_time.sources.plugin import raw
from qemu_boot_time.sources.plugin.places import Place
from runs import boot_facts, make_run

NAMES = ("qemu_init_end", "fw_start", "linux_start_kernel", "linux_start_user")
COUNTS = (0, 1, 2000, 5000)


def counted(directory: Path, *boots: tuple[int, ...], **changes: Any) -> str:
    """Write a run of boots that were counted at NAMES; fewer counts: it got no further."""
    run = make_run(
        directory,
        [boot_facts(index, **changes) for index in range(len(boots))],
        sources=("plugin",),
        clock=Clock.INSTRUCTIONS,
        until=NAMES[-1],
    )
    places = tuple(Place(name, "it", at, at) for at, name in enumerate(NAMES))
    lines = [raw.ENCODER.encode(raw.Looked(places, counts=True))]
    for index, counts in enumerate(boots):
        begin_ns = (index + 1) * 10**9
        lines += [
            raw.ENCODER.encode(raw.Passed(index, place, begin_ns + 10 * place, count, 0, place))
            for place, count in enumerate(counts)
        ]
    (run / "raw" / raw.RAW_FILE).write_bytes(b"".join(line + b"\n" for line in lines))
    return str(run)


def compared(*words: str) -> tuple[int, str]:
    """Compare; give the status and what was printed."""
    result = CliRunner().invoke(command, words, standalone_mode=False)
    if isinstance(result.exception, QbtError):
        return int(result.exception.status), result.exception.what
    assert result.exception is None
    return int(result.return_value), result.stdout


@pytest.mark.parametrize(
    ("given", "missing"), [("--a", "--b"), ("--b", "--a")]
)  # fmt: skip
def test_one_command_of_two(given: str, missing: str) -> None:
    """What is missing is named, whatever else is said."""
    assert (2, f"{missing} is missing: two commands are measured, in turn") == compared(
        given, "qemu-system-x86_64", "-n", "3"
    )


@pytest.mark.parametrize(
    ("second", "status", "verdict"),
    [
        (COUNTS, ExitStatus.DONE, "SAME"),
        ((0, 1, 2100, 5100), ExitStatus.NO, "SLOWER"),
        ((0, 1, 1900, 4900), ExitStatus.DONE, "FASTER"),
    ],
)
def test_the_shell_is_told(
    tmp_path: Path, second: tuple[int, ...], status: int, verdict: str
) -> None:
    """Slower alone is a no."""
    sides = (counted(tmp_path / "a", COUNTS), counted(tmp_path / "b", second))

    found, text = compared("--json", *sides)

    document = json.loads(text)
    assert (status, verdict) == (found, document["total"]["verdict"])
    assert second[-1] - COUNTS[-1] == document["total"]["shift_instructions"]


def test_a_side_that_did_not_get_there(tmp_path: Path) -> None:
    """A boot that failed is told, and no comparison is well with it."""
    sides = (
        counted(tmp_path / "a", COUNTS),
        counted(tmp_path / "b", COUNTS[:2], ended_by=EndedBy.TIMEOUT),
    )

    status, text = compared(*sides)

    assert ExitStatus.BOOT_FAILED == status
    assert "second: b, 1 boot, 1 failed" in text


def test_a_run_of_times_is_refused(tmp_path: Path) -> None:
    """The units are never mixed."""
    status, text = compared(counted(tmp_path / "a", COUNTS), str(make_run(tmp_path / "b")))

    assert UsageError.status == status
    assert "the first was measured in instructions, the second in time" in text
