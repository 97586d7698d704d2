"""How long ``qbt report`` takes for runs of 200 and of 10,000 boots: the whole command, each format.

Makes kept runs (six marks a boot, as debugcon keeps them), and times the command from start to end,
the files in the page cache. A recording of the kernel's events takes longer to read: see reading.py.
"""

import argparse
import contextlib
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from common import arguments, host_line, in_turn, main, progress, rounds_of, scratch, table
from qemu_boot_time.errors import HostError
from qemu_boot_time.model import EndedBy
from qemu_boot_time.report.exports import FORMATS
from qemu_boot_time.store.facts import BOOTS_FILE, BootFacts, RunFacts, RunWriter

_AIMS_S = {200: 2.0, 10_000: 10.0}
"""Boots to what is promised for any format."""
_QBT = (sys.executable, "-c", "from qemu_boot_time.cli.main import main; main()")
_WRITES = ((0xF5, 1), (0xF5, 5), (0xF4, 3), (0xF4, 6), (0xF4, 7), (0xF4, 42))
_EVERY_NS = 1_000_000_000
_SEED = 1958
_FIRST = "first html"
"""In a cache that has no library yet."""
_SEVERAL = {
    _FIRST: ("html",),
    "html, svg, png, csv": ("html", "svg", "png", "csv"),
    "all at once": tuple(FORMATS),
}
_FORMS = (*FORMATS, *_SEVERAL)


class Took(NamedTuple):
    """What one command took, in seconds."""

    wall_s: float
    cpu_s: float
    """Of all its threads; on a busy host it says more than the other."""


def bench(rounds: int, forms: Sequence[str]) -> None:
    """Make the runs, report them, print the table."""
    took: dict[tuple[int, str], list[Took]] = {}
    with scratch() as directory:
        for boots in _AIMS_S:
            _make(directory / str(boots), boots)
        for each, form in in_turn(forms, rounds):
            progress(f"round {each + 1} of {rounds}: {form}")
            for boots in _AIMS_S:
                took.setdefault((boots, form), []).append(_report(directory, boots, form))
    print(host_line())
    headings = ["format", *(f"{n} boots, s (aim: {aim:g})" for n, aim in _AIMS_S.items())]
    print(table(headings, [[f, *(_cell(took[n, f]) for n in _AIMS_S)] for f in forms]))


def _cell(took: list[Took]) -> str:
    """Give the medians."""
    wall_s, cpu_s = (statistics.median(values) for values in zip(*took, strict=True))
    return f"{wall_s:.2f} (CPU {cpu_s:.2f})"


def _report(directory: Path, boots: int, form: str) -> Took:
    """Run the command once."""
    files = [
        word
        for f in _SEVERAL.get(form, (form,))
        for word in (f"--{f}", str(directory / f"out.{f}"))
    ]
    words = (*_QBT, "report", str(directory / str(boots)), *files)
    begin_s, before_s = time.monotonic(), _cpu_of_children_s()
    with _cache(form) as environment:
        done = subprocess.run(words, check=False, capture_output=True, text=True, env=environment)
    took = Took(time.monotonic() - begin_s, _cpu_of_children_s() - before_s)
    if done.returncode:
        raise HostError(f"qbt report --{form}: status {done.returncode}: {done.stderr}")
    return took


@contextlib.contextmanager
def _cache(form: str) -> Iterator[Mapping[str, str]]:
    """Give the environment, for the first page one with an empty cache."""
    with tempfile.TemporaryDirectory() as empty:
        yield {**os.environ, "XDG_CACHE_HOME": empty} if form == _FIRST else os.environ


def _cpu_of_children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _make(directory: Path, boots: int) -> None:
    """Write a run as ``qbt run`` does, but for the waits until each boot is on the disk."""
    source = random.Random(_SEED)  # noqa: S311  # boots, no secret
    facts = RunFacts(
        created="2026-11-23T14:45:00Z",
        qbt="0.1.0",
        command=("qemu-system-x86_64", "-accel", "tcg"),
        boots=boots,
        timeout_s=60.0,
        sources=("debugcon",),
    )
    writer = RunWriter.begin(directory, facts)
    with (
        (directory / BOOTS_FILE).open("wb") as ended,
        (writer.raw / "debugcon.jsonl").open("w") as seen,
    ):
        for index in range(boots):
            ended.write(msgspec.json.encode(_ended(index)) + b"\n")
            seen.writelines(json.dumps(line) + "\n" for line in _seen(index, source))


def _ended(index: int) -> BootFacts:
    begin_ns = (index + 1) * _EVERY_NS
    return BootFacts(
        index=index,
        pids=(1000 + index,),
        exec_stamp_ns=begin_ns,
        end_ns=begin_ns + _EVERY_NS // 2,
        ended_by=EndedBy.ITSELF,
        exit_status=1,
    )


def _seen(index: int, source: random.Random) -> list[dict[str, object]]:
    """Give what debugcon keeps of a boot: a mark each 20 ms or so."""
    now_ns = (index + 1) * _EVERY_NS
    lines: list[dict[str, object]] = [
        {"type": "clock", "boot": index, "realtime_ns": now_ns, "monotonic_ns": now_ns}
    ]
    for port, value in _WRITES:
        now_ns += source.randrange(18_000_000, 22_000_000)
        write = {"type": "write", "boot": index, "port": port, "value": value}
        lines.append({**write, "realtime_ns": now_ns})
    return lines


def _options() -> argparse.Namespace:
    parser = arguments(__doc__, rounds=5, quick=1)
    parser.add_argument(
        "--form", action="append", choices=_FORMS, help="only this; may be given more than once"
    )
    return parser.parse_args()


def _main() -> None:
    options = _options()
    bench(rounds_of(options), options.form or _FORMS)


if __name__ == "__main__":
    main(_main)
