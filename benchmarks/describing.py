"""What is said of one run is worth: intervals, modes, outliers, drift, each where the truth is known."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from itertools import product
from types import MappingProxyType
from typing import Any

import numpy as np

import simulated
from aims import Aim, Draws, Figure, Part, part
from qemu_boot_time.stats.detail import details_of
from qemu_boot_time.stats.intervals import Interval, mean_interval, median_interval, percentile
from qemu_boot_time.stats.modes import modes_of
from qemu_boot_time.stats.oddities import drift_of, outliers_of

PUBLISHED = MappingProxyType(
    {
        "qemu": ("243.5", "257.5"),
        "qboot": ("213.9", "220.7"),
        "chv": ("102.5", "109.7"),
        "fc-api": ("160.9", "172.5"),
        simulated.INTERNAL: ("110.0", "115.0"),
    }
)
"""Median and 99th percentile of the 500 boots, milliseconds."""
_INTERVAL = Aim(0.93, 0.97)
_BOOTS = 50
_MOST = Aim(least=0.95)
_FALSE_MODES = Aim(most=0.06)
_FALSE_DRIFT = Aim(most=0.05)
_NEAR = 0.05
"""By so much the share of a mode may be off."""
_RUNS = 500
_NS_PER_MS = 1e6

Draw = Callable[[], list[int]]


def anchors(draws: Draws) -> Part:
    """Show the medians and percentiles of the real boots beside the published ones."""
    figures = []
    for system, (p50, p99) in PUBLISHED.items():
        values = draws.real[system].tolist()
        found = [percentile(values, share) or 0 for share in (0.5, 0.99)]
        texts = [f"{value / _NS_PER_MS:.1f}" for value in found]
        figures += [
            Figure(f"{system}, p50", texts[0], p50),
            Figure(f"{system}, p99", texts[1], p99),
        ]
    return part("500 real boots of each system, milliseconds:", figures)


# --- intervals ----------------------------------------------------------------------------------


def coverage(draws: Draws) -> Part:
    """Show how often the intervals of 30 of 500 boots hold what is true of the 500."""
    figures = []
    for system in simulated.SYSTEMS:
        values = draws.real[system]
        draw = partial(_drawn, draws.rng, values, 30)
        holds = partial(_holds, median_interval, float(np.median(values)), draw)
        figures.append(Figure(f"median, {system}", draws.share(holds), _INTERVAL))
    for system in simulated.SYSTEMS:
        values = draws.real[system]
        draw = partial(_drawn, draws.rng, values, 30)
        holds = partial(_holds, mean_interval, float(values.mean()), draw)
        figures.append(Figure(f"mean, {system}", draws.share(holds)))
    for n in (10, 30, 100):
        draw = partial(simulated.log_normal, draws.rng, n)
        for what, interval, true in [
            ("median", median_interval, 1e8),
            ("mean", mean_interval, 1e8 * float(np.exp(0.125))),
        ]:
            found = draws.share(partial(_holds, interval, true, draw))
            figures.append(Figure(f"{what}, log-normal, n = {n}", found))
    return part(
        "The 95 % interval of 30 of 500 boots, or of made-up ones, holds what is true of all:",
        figures,
    )


def _drawn(rng: np.random.Generator, values: Any, n: int) -> list[int]:
    drawn: list[int] = rng.choice(values, n, replace=False).tolist()
    return drawn


def _holds(interval: Callable[[list[int]], Interval | None], true: float, draw: Draw) -> bool:
    found = interval(draw())
    return found is not None and found.low <= true <= found.high


# --- modes --------------------------------------------------------------------------------------


def one_mode(draws: Draws) -> Mapping[str, Draw]:
    """Give ways to draw 50 boots that are of one kind."""
    real = {
        system: partial(_drawn, draws.rng, draws.real[system], _BOOTS)
        for system in simulated.SYSTEMS
    }
    return {
        "normal": partial(simulated.normal, draws.rng, _BOOTS),
        "log-normal": partial(simulated.log_normal, draws.rng, _BOOTS),
        **real,
    }


def false_modes(draws: Draws) -> Part:
    """Show how often a second mode is seen that is not there."""
    figures = [
        Figure(name, draws.share(partial(_has_modes, draw)), _FALSE_MODES)
        for name, draw in one_mode(draws).items()
    ]
    return part("A second mode in 50 boots that have one:", figures)


def _has_modes(draw: Draw) -> bool:
    return modes_of(simulated.numbered(draw())) is not None


def two_modes(draws: Draws) -> Part:
    """Show how often two modes are found, and with the right shares."""
    said: Counter[str] = Counter()
    for _ in range(draws.count):
        values, late = simulated.mixture(draws.rng, _BOOTS, share=0.35)
        found = modes_of(simulated.numbered(values))
        said[str(len(found.modes) if found else 1)] += 1
        said["right"] += found is not None and abs(found.modes[-1].share - late) <= _NEAR
    return part(
        "50 boots, 35 % of them around 117 ms, the others around 99 ms, deviation 2 ms each:",
        [
            Figure("two modes", said["2"] / draws.count, _MOST),
            Figure("the slow one's share within 5 points", said["right"] / draws.count, _MOST),
        ],
    )


def mode_power(draws: Draws) -> Part:
    """Show how far apart two modes must be, and how rare the second one may be."""
    rows = []
    for n, share in product((20, 50, 100), (0.1, 0.2, 0.35, 0.5)):
        found = [
            draws.share(partial(_two_found, draws.rng, n, share, apart), _RUNS)
            for apart in (3, 4, 5, 7, 9)
        ]
        rows.append((str(n), f"{share:.0%}", *(f"{each:.1%}" for each in found)))
    return Part(
        "More than one mode found, by the number of boots, the share of the slow ones, and how many "
        "deviations lie between the two kinds. Less than a tenth of the drawn boots is no mode.",
        ("n", "slow", "3 sd", "4 sd", "5 sd", "7 sd", "9 sd"),
        tuple(rows),
    )


def _two_found(rng: np.random.Generator, n: int, share: float, apart: float) -> bool:
    values, _ = simulated.mixture(rng, n, share=share, apart=apart)
    return modes_of(simulated.numbered(values)) is not None


def separators(draws: Draws) -> Part:
    """Show how often the phase is named that makes the modes of the total."""
    figures = []
    for phase in ("vmm", "kernel_early", "kernel"):
        said = Counter(_separator(draws.rng, phase) for _ in range(_RUNS))
        found = _RUNS - said[None]
        figures += [
            Figure(f"{phase}: the total has modes", found / _RUNS),
            Figure(f"{phase}: and it is named", said[phase] / max(found, 1), _MOST),
            Figure(f"{phase}: and another is", 1 - (said[phase] + said[""]) / max(found, 1)),
        ]
    return part("500 made-up runs of 50 boots, 35 % of them 18 ms slower in one phase:", figures)


def _separator(rng: np.random.Generator, phase: str) -> str | None:
    """Give the phase that is named; empty: none, None: the total has one mode."""
    lengths = simulated.lengths(rng, _BOOTS, second=simulated.Second(phase))
    details = details_of(simulated.boots_of(lengths))
    if details.total is None or details.phases[details.total].modes is None:
        return None
    return details.separator.place.name if details.separator else ""


# --- oddities -----------------------------------------------------------------------------------


def oddities(draws: Draws) -> Part:
    """Show how often a boot is flagged or a drift is seen where there is none."""
    kinds: dict[str, Draw] = {
        "normal": partial(simulated.normal, draws.rng, 30),
        "log-normal": partial(simulated.log_normal, draws.rng, 30),
        "qemu": partial(_drawn, draws.rng, draws.real["qemu"], 30),
        "fc-api": partial(_drawn, draws.rng, draws.real["fc-api"], 30),
    }
    figures = []
    for name, draw in kinds.items():
        outliers = [len(outliers_of(simulated.numbered(draw()), None)) for _ in range(draws.count)]
        any_of_them = sum(map(bool, outliers)) / draws.count
        figures.append(Figure(f"{name}: an outlier in a run", any_of_them))
        figures.append(Figure(f"{name}: of all boots", sum(outliers) / draws.count / 30))
        figures.append(
            Figure(f"{name}: a drift", draws.share(partial(_drifts, draw)), _FALSE_DRIFT)
        )
    for ratio in (1.02, 1.05):
        slow = partial(_warming, draws, ratio)
        figures.append(Figure(f"qemu, first 3 {ratio - 1:.0%} slower: told", draws.share(slow)))
    for ratio in (1.02, 1.05):
        trend = partial(_trending, draws, ratio)
        figures.append(Figure(f"qemu, {ratio - 1:.0%} slower over all: told", draws.share(trend)))
    return part("Oddities of 30 boots that have none, and of some that have:", figures)


def _drifts(draw: Draw) -> bool:
    values = simulated.numbered(draw())
    return drift_of(values, outliers_of(values, None)) is not None


def _warming(draws: Draws, ratio: float) -> bool:
    drawn = draws.rng.choice(draws.real["qemu"], 30, replace=False)
    factors = np.where(np.arange(30) < 3, ratio, 1.0)  # noqa: PLR2004  # the first three
    found = _drift(drawn * factors)
    return found is not None and found.start is not None


def _trending(draws: Draws, ratio: float) -> bool:
    drawn = draws.rng.choice(draws.real["qemu"], 30, replace=False)
    found = _drift(drawn * np.linspace(1, ratio, 30))
    return found is not None and found.trend is not None


def _drift(values: Any) -> Any:
    numbered = simulated.numbered(np.rint(values).astype(np.int64).tolist())
    return drift_of(numbered, outliers_of(numbered, None))
