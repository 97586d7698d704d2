"""When enough has been measured: a sequential rule for the median, of any distribution.

The 95 % interval of the median between two order statistics needs no distribution. To measure until
it is narrow enough, a width fixed beforehand, is sound for large samples (Chow and Robbins, Ann.
Math. Statist. 36 (1965) 457; from ranks: Geertsema, Ann. Math. Statist. 41 (1970) 1016). For small
ones it is not: who looks after each value stops at the first interval that is narrow by chance, and
such an interval misses the median more often than it says. So it is looked at rarely, each time with
half as many values again, and it must be narrow for the first two thirds of the values as well.

Measured, over normal, log-normal and shifted log-normal totals of many spreads and five published
series of 500 boots each, from 20 to 1000 values (``benchmarks/precision.py``, docs/measuring.md): the
interval at the stop held the true median in 93.6 % of the repetitions in the worst case, and in 94.1 %
to 96.7 % in all others.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from qemu_boot_time.stats.intervals import FEWEST, median_interval

_GROWTH = 1.5
_THREADS = "OPENBLAS_NUM_THREADS"


@dataclass(frozen=True, slots=True)
class Precision:
    """How well the median is to be known, and within which bounds that is tried."""

    share: float
    """Half the width of its 95 % interval, at most, as a share of the median (0.01: 1 %)."""
    least: int
    """How many values there are at least."""
    most: int
    """With how many it is given up."""

    def looks(self) -> tuple[int, ...]:
        """Give with how many values it is looked at, ascending; the last is ``most``."""
        found, n = [], self.least
        while n < self.most:
            found.append(n)
            n = math.ceil(n * _GROWTH)
        return (*found, self.most)

    def before(self, n: int) -> int:
        """Give with how many of the first values the interval must have been narrow too."""
        return max(FEWEST, int(n / _GROWTH))

    def is_reached(self, values: Sequence[int]) -> bool:
        """Whether to stop at these values, in the order of their measuring; False between looks."""
        if len(values) not in self.looks():
            return False
        return self._is_narrow(values) and self._is_narrow(values[: self.before(len(values))])

    def achieved(self, values: Sequence[int]) -> float | None:
        """Give half the width of the 95 % interval as a share of the median.

        None where there is no interval (fewer than six values), or no share (a median of zero).
        """
        interval, middle = median_interval(values), median(values) if values else 0
        if interval is None or not middle:
            return None
        return (interval.high - interval.low) / 2 / abs(middle)

    def _is_narrow(self, values: Sequence[int]) -> bool:
        achieved = self.achieved(values)
        return achieved is not None and achieved <= self.share


def load() -> None:
    """Import what the rule needs, now: to do so between two boots would disturb the second.

    Without threads, which numpy's BLAS starts for work that is not done here: this process forks.
    """
    before = os.environ.get(_THREADS)
    os.environ[_THREADS] = "1"
    try:
        Precision(share=1, least=FEWEST, most=FEWEST).achieved(range(1, 1 + FEWEST))
    finally:
        if before is None:
            del os.environ[_THREADS]
        else:
            os.environ[_THREADS] = before
