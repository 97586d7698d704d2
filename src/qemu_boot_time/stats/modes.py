"""Whether boots are of more than one kind: two modes that a mean would hide.

Two tests are asked, because each is blind where the other sees. The dip test finds modes of many
boots, however near; groups that lie far apart are found from few boots, and when one is small, by how
far apart they lie. Together they find a mode that is not there in at most 3 of 100 samples.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

LEAST_BOOTS = 20
"""Fewer are never said to have two modes."""
_LEAST_SHARE = 0.1
_LEAST_GROUP = 4
"""What is rarer is no mode but outliers."""
_DIP_ALPHA = 0.02
_SPLIT_ALPHA = 0.01
_DRAWS = 1999
_SEED = 19690101
_GROWTH = 1.2
_MOST_DRAWN = 1000
"""A null distribution is drawn for some sizes; between them that of the smaller one counts, for which
it takes more to be found."""


@dataclass(frozen=True, slots=True)
class Mode:
    """One kind of boot."""

    at: int
    """The median of its boots."""
    share: float
    """Of all boots."""
    boots: tuple[int, ...]
    """Their numbers."""


@dataclass(frozen=True, slots=True)
class Modes:
    """Two or more kinds of boots, the fastest first."""

    modes: tuple[Mode, ...]
    p: float
    """How often a sample of one kind alone would look so."""
    test: str
    """Which test said so: ``dip`` or ``split``."""


class _Split(NamedTuple):
    place: int
    p: float
    test: str


def modes_of(values: Mapping[int, int]) -> Modes | None:
    """Say which modes the values of these boots have; None: no more than one is shown.

    Sources: J. A. Hartigan, P. M. Hartigan, Ann. Statist. 13 (1985) 70, made by the package diptest;
    L. Engelman, J. A. Hartigan, J. Amer. Statist. Assoc. 64 (1969) 1647, for the best split in two
    and how far it parts them, in the measure of K. M. Ashman, C. M. Bird, S. E. Zepf, Astron. J. 108
    (1994) 2348; its null distribution is drawn from the exponential one, the most skewed of those
    whose logarithm is concave.
    """
    boots = sorted(values, key=lambda boot: values[boot])
    ordered = [values[boot] for boot in boots]
    splits = _splits(ordered, 0)
    if not splits:
        return None
    strongest = min(splits, key=lambda split: split.p)
    bounds = [0, *sorted(split.place for split in splits), len(boots)]
    modes = tuple(
        Mode(
            at=round((ordered[(a + b - 1) // 2] + ordered[(a + b) // 2]) / 2),
            share=(b - a) / len(boots),
            boots=tuple(sorted(boots[a:b])),
        )
        for a, b in pairwise(bounds)
    )
    return Modes(modes, strongest.p, strongest.test)


def _splits(ordered: Sequence[int], offset: int) -> list[_Split]:
    """Part sorted values in two, and each part again, as long as a test says so."""
    found = _split(ordered)
    if found is None:
        return []
    left = _splits(ordered[: found.place], offset)
    right = _splits(ordered[found.place :], offset + found.place)
    return [*left, found._replace(place=offset + found.place), *right]


def _split(ordered: Sequence[int]) -> _Split | None:
    if len(ordered) < LEAST_BOOTS or ordered[0] == ordered[-1]:
        return None
    import numpy as np
    from diptest import diptest

    # From the least one on: a float keeps 53 bits, and times since 1970 have more.
    values = (np.asarray(ordered) - ordered[0]).astype(float)
    separations, places = best_splits(values[None, :])
    null = _null(_drawn_size(len(values)))
    p = float((1 + (null >= separations[0]).sum()) / (1 + len(null)))
    if p <= _SPLIT_ALPHA:
        return _Split(int(places[0]), p, "split")
    _, p_dip = diptest(_spread(values))
    return _Split(int(places[0]), float(p_dip), "dip") if p_dip <= _DIP_ALPHA else None


def best_splits(rows: Any) -> tuple[Any, Any]:
    """Part each row of sorted values where the two parts lie farthest apart.

    Gives how far their means are apart, in the root mean square of their deviations, and how many
    values are in the lower part. ``rows`` is (samples, values).
    """
    import numpy as np

    n = rows.shape[1]
    least = max(_LEAST_GROUP, math.ceil(_LEAST_SHARE * n))
    below = np.arange(least, n - least + 1)
    above = n - below
    centred = rows - rows.mean(axis=1, keepdims=True)
    sums = np.cumsum(centred, axis=1)[:, below - 1]
    squares = np.cumsum(centred**2, axis=1)[:, below - 1]
    all_squares = (centred**2).sum(axis=1, keepdims=True)
    low, high = sums / below, -sums / above
    spread = (squares - below * low**2) / (below - 1)
    spread = spread + (all_squares - squares - above * high**2) / (above - 1)
    # Two values alone, as counts may be, have no spread at all.
    least_spread = np.maximum(all_squares / n, 1e-300) * 1e-12
    distances = (high - low) / np.sqrt(np.maximum(spread / 2, least_spread))
    best = distances.argmax(axis=1)
    return distances[np.arange(len(rows)), best], below[best]


def _drawn_size(n: int) -> int:
    size = LEAST_BOOTS
    while math.ceil(size * _GROWTH) <= min(n, _MOST_DRAWN):
        size = math.ceil(size * _GROWTH)
    return size


@cache
def _null(n: int) -> Any:
    """Give how far the best splits of exponential samples part them, where there is but one mode."""
    import numpy as np

    rng = np.random.default_rng(_SEED)
    distances, _ = best_splits(np.sort(rng.exponential(size=(_DRAWS, n)), axis=1))
    return distances


def _spread(ordered: Any) -> Any:
    """Spread equal values evenly over the step between values: the dip test takes each for a mode.

    Times that were rounded to the millisecond are equal for no other reason.
    """
    import numpy as np

    different, counts = np.unique(ordered, return_counts=True)
    if len(different) == len(ordered):
        return ordered
    step = np.diff(different).min()
    each = np.repeat(counts, counts)
    place = np.arange(len(ordered)) - np.repeat(counts.cumsum() - counts, counts)
    return np.repeat(different, counts) + step * ((place + 0.5) / each - 0.5)
