"""What --precision promises: how often the interval at the stop holds the true median, simulated.

Samples are drawn from distributions whose median is known: normal, log-normal, log-normal behind a
constant, as boots are, and the numbers of files (their first column), drawn with replacement. The
spread is varied, so that the rule stops everywhere between its bounds. For each precision the worst
case is shown.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from common import arguments, main, rounds_of, table
from qemu_boot_time.stats.intervals import median_interval
from qemu_boot_time.stats.precision import Precision

_SEED = 1970
_REPETITIONS = 10_000
_QUICK_REPETITIONS = 500
_LEAST, _MOST = 20, 1000
_SHARES = (0.003, 0.005, 0.01, 0.02)
_SPREADS = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 9.0)
"""Standard deviations in units of the precision: about n = 6 (spread)^2 values are needed."""

Floats = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, int]], Floats]


@dataclass(frozen=True, slots=True)
class Population:
    """What is drawn from, and its true median."""

    draw: Draw
    median: float


@dataclass(frozen=True, slots=True)
class Stopped:
    """Where the rule stopped in many repetitions."""

    values: npt.NDArray[np.int64]
    """How many values it took, for each repetition."""
    held: npt.NDArray[np.bool_]
    """Whether the 95 % interval then held the true median."""


def stopped(samples: Floats, true: float, precision: Precision) -> Stopped:
    """Apply the rule to the rows of ``samples`` at once; each has ``precision.most`` values."""
    count = len(samples)
    values, held = np.zeros(count, np.int64), np.zeros(count, bool)
    for n in precision.looks():
        narrow, holds = _look(samples[:, :n], true, precision.share)
        before, _ = _look(samples[:, : precision.before(n)], true, precision.share)
        stops = (values == 0) & ((narrow & before) | (n == precision.most))
        values[stops], held[stops] = n, holds[stops]
    return Stopped(values, held)


def _look(
    samples: Floats, true: float, share: float
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    places = median_interval(range(samples.shape[1]))
    assert places is not None  # noqa: S101  # no look has fewer than six values
    ordered = np.sort(samples, axis=1)
    low, high = ordered[:, int(places.low)], ordered[:, int(places.high)]
    narrow = (high - low) / 2 <= share * np.median(ordered, axis=1)
    return narrow, (low <= true) & (true <= high)


def _normal(deviation: float) -> Population:
    return Population(lambda source, shape: 1 + deviation * source.standard_normal(shape), 1.0)


def _log_normal(deviation: float) -> Population:
    return Population(lambda source, shape: np.exp(deviation * source.standard_normal(shape)), 1.0)


def _skewed(deviation: float) -> Population:
    return Population(
        lambda source, shape: 1 + deviation * np.expm1(source.standard_normal(shape)), 1.0
    )


_FAMILIES: dict[str, Callable[[float], Population]] = {
    "normal": _normal,
    "log-normal": _log_normal,
    "constant + log-normal": _skewed,
}


def _of_file(file: Path) -> Population:
    values = np.array([float(line.split()[0]) for line in file.read_text().splitlines() if line])
    return Population(lambda source, shape: source.choice(values, shape), float(np.median(values)))


def _populations(files: Sequence[Path], share: float) -> Iterator[tuple[str, list[Population]]]:
    for name, family in _FAMILIES.items():
        yield name, [family(spread * share) for spread in _SPREADS]
    for file in files:
        yield file.name, [_of_file(file)]


def rows(files: Sequence[Path], repetitions: int) -> Iterator[tuple[str, ...]]:
    """Give for each population and precision: how often it held, at worst, and after how many."""
    source = np.random.default_rng(_SEED)
    for share in _SHARES:
        precision = Precision(share, least=_LEAST, most=_MOST)
        for name, populations in _populations(files, share):
            found = [
                stopped(each.draw(source, (repetitions, _MOST)), each.median, precision)
                for each in populations
            ]
            worst = min(found, key=lambda each: float(each.held.mean()))
            held, values = worst.held.mean(), np.median(worst.values)
            yield name, f"{share:.1%}", f"{held:.1%}", f"{values:.0f}"


def bench() -> None:
    """Simulate, and print the table."""
    parser = arguments(__doc__, rounds=_REPETITIONS, quick=_QUICK_REPETITIONS)
    parser.add_argument("files", nargs="*", type=Path, help="more populations, a number a line")
    options = parser.parse_args()
    headings = ("population", "precision", "held, at worst", "median n there")
    print(table(headings, list(rows(options.files, rounds_of(options)))))


if __name__ == "__main__":
    main(bench)
