"""When enough has been measured."""

import os
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest

from precision import stopped
from qemu_boot_time.stats.precision import Precision

ONE_PERCENT = Precision(0.01, least=20, most=1000)
NARROW, WIDE = [995, 1005] * 10, [900, 1100] * 10
CENTRED = [900, 1100] * 4 + [1000] * 12
"""Wide in its first 13 values, and narrow in all 20."""


def test_it_is_looked_at_rarely() -> None:
    """Each time with half as many again, rounded up, from the least to the most."""
    assert (20, 30, 45, 68, 102, 153, 230, 345, 518, 777, 1000) == ONE_PERCENT.looks()


def test_the_least_may_be_the_most() -> None:
    """Then there is one look."""
    assert (20,) == Precision(0.01, least=20, most=20).looks()


def test_before_a_look_is_the_look_before() -> None:
    """The first two thirds are what the look before this one saw."""
    looks = ONE_PERCENT.looks()

    assert list(looks[:-2]) == [ONE_PERCENT.before(n) for n in looks[1:-1]]


@pytest.mark.parametrize("n", [6, 7, 8, 9])
def test_what_was_before_has_an_interval_too(n: int) -> None:
    """Six values have one, fewer have none."""
    assert 6 == ONE_PERCENT.before(n)


def test_no_spread_is_enough_at_once() -> None:
    """With the least number, and not before."""
    assert [False, True] == [ONE_PERCENT.is_reached([5] * n) for n in (19, 20)]


def test_nothing_is_reached_between_two_looks() -> None:
    """Whoever looks all the time sees an interval that is narrow by chance."""
    assert [True, False, True] == [ONE_PERCENT.is_reached([5] * n) for n in (20, 25, 30)]


@pytest.mark.parametrize(
    ("values", "reached"),
    [
        (NARROW, True),
        (WIDE, False),
        (CENTRED, False),
        (CENTRED[::-1], True),
    ],
)
def test_the_first_values_must_be_narrow_too(values: Sequence[int], reached: bool) -> None:  # noqa: FBT001  # what is expected
    """What the last few values made narrow waits for the next look."""
    assert reached == ONE_PERCENT.is_reached(values)


def test_what_is_achieved_is_half_the_width() -> None:
    """As a share of the median: of 20 values the 6th and the 15th bound it (binomial, 95.9 %)."""
    values = list(range(1, 21))

    assert (15 - 6) / 2 / 10.5 == ONE_PERCENT.achieved(values)


@pytest.mark.parametrize("values", [[], [1, 2, 3, 4, 5], [0] * 20])
def test_some_values_have_no_precision(values: list[int]) -> None:
    """Fewer than six have no interval, and nothing is a share of zero."""
    assert ONE_PERCENT.achieved(values) is None
    assert not Precision(0.01, least=6, most=20).is_reached(values)


def test_the_benchmark_stops_where_the_rule_does() -> None:
    """The figures of docs/measuring.md are of this very rule: value by value, and many at once."""
    samples = np.random.default_rng(1).normal(1, 0.025, (60, 1000))

    found = stopped(samples, 1.0, ONE_PERCENT)

    assert [_stop(row) for row in samples.tolist()] == found.values.tolist()
    assert len(set(found.values.tolist())) > 3


def _stop(values: Sequence[int]) -> int:
    ns = range(1, len(values) + 1)
    return next(n for n in ns if ONE_PERCENT.is_reached(values[:n]) or n == ONE_PERCENT.most)


def test_the_interval_at_the_stop_holds_the_median() -> None:
    """Skewed totals: in 93 % of the repetitions at least (docs/measuring.md; a fixed seed)."""
    samples = 1 + 0.04 * np.expm1(np.random.default_rng(2).standard_normal((3000, 1000)))

    found = stopped(samples, 1.0, ONE_PERCENT)

    assert found.held.mean() >= 0.93


_LOADS = """
import os
from qemu_boot_time.stats import precision
precision.load()
print(len(os.listdir("/proc/self/task")), os.environ.get("OPENBLAS_NUM_THREADS"))
"""


@pytest.mark.parametrize("before", [None, "2"])
def test_what_it_needs_starts_no_threads(before: str | None) -> None:
    """This process forks; and the programs that it starts find the environment as it was."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    env.pop("OPENBLAS_NUM_THREADS", None)
    env |= {} if before is None else {"OPENBLAS_NUM_THREADS": before}

    done = subprocess.run(
        [sys.executable, "-c", _LOADS], env=env, capture_output=True, text=True, check=True
    )

    assert f"1 {before}" == done.stdout.strip()
