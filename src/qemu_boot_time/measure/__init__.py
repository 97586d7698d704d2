"""The one orchestrator: boots one after another, of one command or of several in turn.

It knows of time and order, not of meaning: what a source saw goes to its raw file, how a boot ended
goes to ``boots.jsonl``, and every number is made from those two by ``store.load``.
"""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from qemu_boot_time import process
from qemu_boot_time.host.files import sockets_directory
from qemu_boot_time.measure.order import block_orders, new_seed
from qemu_boot_time.measure.plan import Beside, Observer, Plan, Side, Silence, named
from qemu_boot_time.measure.series import Series
from qemu_boot_time.model import Boot
from qemu_boot_time.sources.base import Armed
from qemu_boot_time.stats import precision
from qemu_boot_time.store.facts import RunWriter

__all__ = [
    "Beside",
    "Observer",
    "Plan",
    "Side",
    "Silence",
    "block_orders",
    "measure",
    "measure_interleaved",
    "named",
    "new_seed",
]


def measure(plan: Plan, writer: RunWriter, observer: Observer) -> list[Boot]:
    """Boot ``plan.warmup + plan.boots`` times; give the measured boots as seen live.

    With a precision it may be fewer. Otherwise as :func:`measure_interleaved`, of one side.
    """
    (boots,) = measure_interleaved([Side(plan, writer, observer)], seed=0)
    return boots


def measure_interleaved(sides: Sequence[Side], *, seed: int) -> list[list[Boot]]:
    """Boot the sides in turn, each once a block, in the orders that ``seed`` gives.

    The first plan says how many warm-up and measured boots each side has. All sources of all sides
    are armed and read all the time, so that watching costs every side the same; but for those that
    their plan arms for each boot. Gives the measured boots of each side as seen live.

    A boot that fails is data. A Ctrl-C ends the boot it meets, which is kept as ``interrupted``,
    and is raised again when all is closed; BootError is raised where ``prepare`` fails.
    """
    with contextlib.ExitStack() as stack:
        guard = stack.enter_context(process.Guard())
        sockets = Path(stack.enter_context(sockets_directory()))
        guard.watch("remove", str(sockets))
        running = [_armed(side, stack, guard, sockets) for side in sides]
        for series in running:
            others = (other for other in running if other is not series)
            series.idle = [session for other in others for _, session in other.armed]
            if series.plan.armed is Armed.ONCE:
                series.announce()
        if any(side.plan.precision is not None for side in sides):
            precision.load()
        if _boot_in_blocks(running, seed):
            for series in running:
                series.look_further()
        guard.release("remove", str(sockets))
    return [series.boots for series in running]


def _armed(side: Side, stack: contextlib.ExitStack, guard: process.Guard, sockets: Path) -> Series:
    series = Series(side, side.plan, [], guard, sockets)
    if side.plan.armed is Armed.ONCE:
        with named(side.name):
            series.arm(stack, side.writer.raw)
    return series


def _boot_in_blocks(running: Sequence[Series], seed: int) -> bool:
    """Boot until it is enough; False where it was given up."""
    plan = running[0].plan
    orders = block_orders(len(running), seed)
    for index in (*range(-plan.warmup, 0), *range(plan.boots)):
        for number in next(orders):
            running[number].measure(index)
        if index >= 0 and all(series.is_precise for series in running):
            return True
        if index + 1 < plan.boots and any(series.is_hopeless for series in running):
            _give_up(running)
            return False
    return True


def _give_up(running: Sequence[Series]) -> None:
    """Say on each side why no more is tried: with one side gone there is nothing to compare."""
    for series in running:
        if series.is_hopeless:
            series.note(f"{len(series.boots)} boots, all failed: no more tried (--keep-going does)")
        else:
            series.note("no more tried: the boots of the other side all failed (--keep-going does)")
