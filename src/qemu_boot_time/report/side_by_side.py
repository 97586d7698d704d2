"""Two runs compared, for whoever renders both clocks alike: a page, a comment for a pull request."""

from dataclasses import dataclass

from qemu_boot_time.model import Clock, Run
from qemu_boot_time.report import comparison, exact
from qemu_boot_time.stats import compare as by_ranks
from qemu_boot_time.stats import exact as by_counts
from qemu_boot_time.stats.moves import Moves, moves_between
from qemu_boot_time.stats.once import once
from qemu_boot_time.stats.verdict import Margin


@dataclass(frozen=True, slots=True)
class Sides:
    """Two runs, and what comparing them came to."""

    first: Run
    second: Run
    moves: Moves
    sentence: str
    """It in words."""
    remarks: tuple[str, ...]
    """What a reader must know, one line each; ``warnings`` are among them."""
    warnings: tuple[str, ...]
    """What is not alike in the two."""


@once
def side_by_side(first: Run, second: Run, warnings: tuple[str, ...] = ()) -> Sides:
    """Compare two runs of one clock as ``qbt compare`` does, with its usual margins."""
    if first.clock is Clock.INSTRUCTIONS:
        counts = by_counts.compare(first, second, by_counts.NO_MARGIN)
        moves = moves_between(first, second)
        told = tuple(f"warning: {each}" for each in warnings)
        return Sides(first, second, moves, exact.sentence(counts), told, warnings)
    found = by_ranks.compare(first, second, Margin())
    compared = comparison.Compared(first, second, found, warnings)
    moves = moves_between(first, second, found=found)
    said = comparison.sentence(found)
    return Sides(first, second, moves, said, tuple(comparison.remarks(compared)), warnings)
