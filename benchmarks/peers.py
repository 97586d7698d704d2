"""How others say that one sample is slower than another: what our verdict is held against."""

from functools import cache
from typing import Any

import numpy as np
from scipy.stats import ttest_ind

_ALPHA = 0.05
_P_THRESHOLD = 0.01
_STRENGTH = 0.05
_RESAMPLES = 9_999
_ROWS = 200
_SEED = 20230921


def welch(first: Any, second: Any) -> Any:
    """Say for each row of two arrays (draws, boots) 1: slower, -1: faster, 0: neither.

    B. L. Welch, Biometrika 34 (1947) 28: p at most 5 %.
    """
    p = ttest_ind(first, second, axis=1, equal_var=False).pvalue
    return np.where(p <= _ALPHA, np.sign(second.mean(axis=1) - first.mean(axis=1)), 0)


def five_percent(first: Any, second: Any) -> Any:
    """Say the same by the rule of Firecracker's pull requests, for one configuration.

    A permutation test of the difference of means with p below 1 %, and the mean moved by more than 5 %
    (tools/ab_test.py at github.com/firecracker-microvm/firecracker: ``--significance 0.01``,
    ``--noise-threshold 0.05``, 9,999 resamples, two-sided). The p is twice that of the nearer tail, as
    scipy's permutation_test has it.
    """
    moved = second.mean(axis=1) - first.mean(axis=1)
    strong = np.abs(moved) > _STRENGTH * first.mean(axis=1)
    p = np.ones(len(moved))
    both = np.concatenate([first, second], axis=1)
    for begin in range(0, len(both), _ROWS):
        rows = slice(begin, begin + _ROWS)
        if strong[rows].any():
            p[rows] = _permuted(both[rows], first.shape[1], moved[rows])
    return np.where(strong & (p < _P_THRESHOLD), np.sign(moved), 0)


def _permuted(both: Any, n: int, moved: Any) -> Any:
    """Give the p of rows of pooled values whose first ``n`` are the first side's."""
    differences = both @ _weights(n, both.shape[1] - n)
    tolerance = 1e-9 * np.abs(moved)[:, None]
    above = (differences >= moved[:, None] - tolerance).sum(axis=1)
    below = (differences <= moved[:, None] + tolerance).sum(axis=1)
    return np.minimum(1.0, 2 * (np.minimum(above, below) + 1) / (_RESAMPLES + 1))


@cache
def _weights(n: int, m: int) -> Any:
    """Give the ways to deal out values as columns that make differences of means of them."""
    sides = np.concatenate([np.full(n, -1 / n), np.full(m, 1 / m)])
    tiled = np.tile(sides[:, None], (1, _RESAMPLES))
    return np.random.default_rng(_SEED).permuted(tiled, axis=0)
