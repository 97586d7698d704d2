"""What it cost to watch a run, where that was measured with it: quoted wherever the run is shown."""

from dataclasses import replace
from pathlib import Path

from qemu_boot_time.model import Run
from qemu_boot_time.report.overhead import Overhead, quotation
from qemu_boot_time.stats.overhead import costs_of
from qemu_boot_time.stats.verdict import Margin
from qemu_boot_time.store.facts import RUN_FILE
from qemu_boot_time.store.load import load_run
from qemu_boot_time.store.overhead import taken, twins, watchers

_USUAL = Margin()


def overhead_of(alone: Path, watched: Path, margin: Margin) -> Overhead:
    """Compare two kept runs of one command, which is made anew from their facts each time."""
    first, second = load_run(alone), load_run(watched)
    costs = costs_of(taken(first), taken(second), margin)
    return Overhead(first, second, costs, watchers(watched))


def quoted(run: Run) -> Run:
    """Have a kept run say what it cost to watch it; any other is given back as it is."""
    directory = Path(run.path)
    if not (run.path and (directory / RUN_FILE).is_file()):
        return run
    pair = twins(directory)
    if pair is None or pair[1] != directory:
        return run
    return replace(run, notes=(*run.notes, quotation(overhead_of(*pair, _USUAL))))
