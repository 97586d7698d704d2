"""What is drawn: boots that really were, and boots made up like them, of which the truth is known."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from qemu_boot_time.errors import HostError
from qemu_boot_time.model import Boot, Mark, Run
from qemu_boot_time.phases import Rules, boot_of_marks

SYSTEMS = ("qemu", "qboot", "qemu-uvm", "chv", "fc-api")
INTERNAL = "fc-internal"
"""The boots of fc-api by the VMM's own timer, which has another definition."""
DATA = Path(__file__).parents[2] / "shared/data"

PHASES = MappingProxyType(
    {
        "vmm": 34_533_397,
        "unaccounted": 182_942,
        "firmware": 8_747_423,
        "loader": 1_345_230,
        "kernel_early": 77_634_408,
        "kernel": 120_721_881,
    }
)
"""Medians of the phases of three-boots.csv, nanoseconds."""
_MARKS = (
    "qemu_init_end",
    "fw_start",
    "fw_do_boot",
    "linux_start_boot",
    "linux_start_kernel",
    "linux_start_user",
)
_TAIL = 0.03
"""So much of a phase is log-normal: with the skew below its deviation is 2 %, like real totals'."""
_SKEW = 0.5
CORRELATION = 0.5
"""Of any two phases of a boot, through how busy the host was."""

Values = Any
"""An array of whole nanoseconds; its shape is stated."""


@dataclass(frozen=True, slots=True)
class Second:
    """Some boots take longer, in one phase: they are of a second kind."""

    phase: str = "kernel_early"
    share: float = 0.35
    extra_ns: int = 18_000_000
    """As far apart as Firecracker's two modes near 99 and 117 ms."""


def real(directory: Path = DATA) -> Mapping[str, Values]:
    """Read 500 real boots of each system. Raises HostError where they are not there.

    Published with A. Agache et al., Firecracker: Lightweight Virtualization for Serverless
    Applications, NSDI 2020: github.com/firecracker-microvm/nsdi2020-data.
    """
    found: dict[str, Values] = {}
    for system in SYSTEMS:
        path = directory / f"nsdi2020/boot-serial-{system}.dat"
        if not path.exists():
            raise HostError(f"{path}: not there", hint="--data DIR, with DIR/nsdi2020/*.dat")
        columns = np.loadtxt(path, ndmin=2).astype(np.int64)
        found[system] = columns[:, 0] * 1_000
        if columns.shape[1] > 1:
            found[INTERNAL] = columns[:, 1] * 1_000_000
    return found


def sides(
    rng: np.random.Generator, values: Values, n: int, m: int, *, factor: float = 1.0
) -> tuple[list[int], list[int]]:
    """Draw two samples, no boot twice; the second one's boots take ``factor`` times as long."""
    drawn = rng.choice(values, n + m, replace=False)
    return drawn[:n].tolist(), np.rint(drawn[n:] * factor).astype(np.int64).tolist()


def numbered(values: Sequence[int]) -> dict[int, int]:
    """Give each boot its number, from 1."""
    return dict(enumerate(values, 1))


def lengths(
    rng: np.random.Generator,
    n: int,
    *,
    slower: Mapping[str, float] = MappingProxyType({}),
    second: Second | None = None,
) -> Values:
    """Make up the phases of ``n`` boots, in the order of ``PHASES``: (boots, phases)."""
    common = rng.standard_normal((n, 1))
    own = rng.standard_normal((n, len(PHASES)))
    shared = _normal_correlation(CORRELATION)
    busy = math.sqrt(shared) * common + math.sqrt(1 - shared) * own
    factors = np.array([slower.get(phase, 1.0) for phase in PHASES])
    made = np.array(list(PHASES.values())) * factors * (1 - _TAIL + _TAIL * np.exp(_SKEW * busy))
    if second:
        late = rng.random(n) < second.share
        made[late, list(PHASES).index(second.phase)] += second.extra_ns
    return np.rint(made).astype(np.int64)


def _normal_correlation(wanted: float) -> float:
    """Give the correlation of two normal variables whose exponentials have the one wanted."""
    return math.log(1 + wanted * math.expm1(_SKEW**2)) / _SKEW**2


def boots_of(lengths: Values) -> tuple[Boot, ...]:
    """Make boots of the lengths of their phases."""
    ends = np.cumsum(lengths, axis=1).tolist()
    return tuple(
        boot_of_marks(
            [Mark(name, at, "simulated") for name, at in zip(_MARKS, row, strict=True)],
            index=i,
            rules=Rules(),
        )
        for i, row in enumerate(ends)
    )


def run_of(lengths: Values) -> Run:
    """Make a run of the lengths of its boots' phases."""
    return Run("simulated", boots_of(lengths))


def mixture(
    rng: np.random.Generator, n: int, *, share: float, apart: float = 9.0, sd_ns: int = 2_000_000
) -> tuple[list[int], float]:
    """Draw from 99 ms and, for ``share``, from ``apart`` deviations above; tell the drawn share too."""
    late = rng.random(n) < share
    at = np.where(late, 99_000_000 + apart * sd_ns, 99_000_000)
    values = np.rint(at + sd_ns * rng.standard_normal(n)).astype(np.int64)
    return values.tolist(), float(late.mean())


def normal(rng: np.random.Generator, n: int, *, sd: float = 0.02) -> list[int]:
    """Draw from a normal distribution around 100 ms; ``sd`` is a share of it."""
    return [round(1e8 * value) for value in rng.normal(1.0, sd, n)]


def log_normal(rng: np.random.Generator, n: int, *, sigma: float = 0.5) -> list[int]:
    """Draw from a log-normal distribution with the median 100 ms: skewed by 1.75."""
    return [round(1e8 * value) for value in rng.lognormal(0.0, sigma, n)]
