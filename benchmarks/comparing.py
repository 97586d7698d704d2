"""What the verdict on two samples is worth: how often it is wrong, and how often it finds what is there."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from itertools import product
from typing import Any

import numpy as np

import peers
import simulated
from aims import Aim, Draws, Figure, Part, part
from qemu_boot_time.phases import TOTAL
from qemu_boot_time.stats.compare import Change, Comparison, change_of, compare
from qemu_boot_time.stats.quantities import Place
from qemu_boot_time.stats.shift import shift_of
from qemu_boot_time.stats.verdict import Margin, Verdict

_TOTAL = Place(TOTAL, "exec", "linux_start_user")
MOVED = {Verdict.FASTER, Verdict.SLOWER}
_SIDE = 30
_WRONG = Aim(most=0.06)
_ALTERNATIVES = (0.005, 0.01, 0.02, 0.05)
_SIZES = (10, 30, 100)
MARGIN = Margin()


def total_change(first: list[int], second: list[int]) -> Change:
    """Compare two samples of totals."""
    return change_of(first, second, MARGIN, _TOTAL)


def _moves(draw: Callable[[], tuple[list[int], list[int]]]) -> bool:
    return total_change(*draw()).verdict in MOVED


# --- intervals ----------------------------------------------------------------------------------


def shift_coverage(draws: Draws) -> Part:
    """Show how often the interval of the shift holds the shift of all boots."""

    def holds(values: Any, true: int) -> bool:
        interval = shift_of(*simulated.sides(draws.rng, values, 30, 30, factor=1.02)).interval
        return interval is not None and interval.low <= true <= interval.high

    figures = []
    for system in simulated.SYSTEMS:
        values = draws.real[system]
        true = shift_of(values.tolist(), np.rint(values * 1.02).astype(np.int64).tolist()).estimate
        found = draws.share(partial(holds, values, true))
        figures.append(Figure(f"{system}, +2 % planted", found, Aim(0.93, 0.97)))
    return part("The 95 % interval of the shift, 30 boots a side, holds the true one:", figures)


# --- false alarms -------------------------------------------------------------------------------


def alarms_of_totals(draws: Draws) -> Part:
    """Show how often two samples of one system are said to differ."""
    figures = [
        Figure(
            f"{system}, {n} against {m}",
            draws.share(
                partial(_moves, partial(simulated.sides, draws.rng, draws.real[system], n, m))
            ),
            _WRONG,
        )
        for system, (n, m) in [
            *product(simulated.SYSTEMS, [(_SIDE, _SIDE)]),
            *product(("qemu",), [(4, 4), (10, 10), (10, 50), (50, 10)]),
        ]
    ]
    return part("FASTER or SLOWER, where both sides were drawn from one system:", figures)


def alarms_of_phases(draws: Draws) -> Part:
    """Show the same for whole boots, whose phases are a family."""
    wrong: Counter[str] = Counter()
    for _ in range(draws.count):
        found = _compared(draws, {})
        wrong["total"] += found.total.verdict in MOVED
        wrong["any phase"] += bool(found.moved)
        wrong["uncorrected"] += any(_alone_moved(found, name) for name in simulated.PHASES)
    return part(
        "The same for made-up boots of six phases, 30 against 30: skewed, correlated 0.5, one with "
        "two modes. Uncorrected: what it would be without Holm's correction.",
        [
            Figure("the total", wrong["total"] / draws.count, _WRONG),
            Figure("any of the six phases", wrong["any phase"] / draws.count, _WRONG),
            Figure("any of them, uncorrected", wrong["uncorrected"] / draws.count),
        ],
    )


def _compared(draws: Draws, slower: Mapping[str, float]) -> Comparison:
    first, second = (simulated.run_of(made_up(draws.rng, each, _SIDE)) for each in ({}, slower))
    return compare(first, second, MARGIN)


def made_up(rng: np.random.Generator, slower: Mapping[str, float], n: int) -> Any:
    """Make up boots of which some are of a second kind: (boots, phases)."""
    return simulated.lengths(rng, n, slower=slower, second=simulated.Second())


def _alone_moved(found: Comparison, name: str) -> bool:
    change = next(change for change in found.phases if change.name == name)
    interval = change.interval
    # The interval is the test's own: without the family it decides alone.
    same = interval and -change.margin <= interval.low and interval.high <= change.margin
    return bool(interval and not same and (interval.low > 0 or interval.high < 0))


def alarms_of_spread(draws: Draws) -> Part:
    """Show what becomes of the verdict where the sides do not spread alike."""
    figures = [
        Figure(
            f"{n} boots with sd 2 %, {m} with sd {sd} %",
            draws.share(partial(_moves, _spread(draws.rng, n, m, sd / 100))),
        )
        for n, m, sd in [(30, 30, 6), (10, 50, 6), (50, 10, 6)]
    ]
    return part(
        "FASTER or SLOWER, with equal medians and unequal spread, no promise made:", figures
    )


def alarms_of_order(draws: Draws) -> Part:
    """Show what becomes of the verdict where boots depend on when they were."""
    orders = {
        "host gets 1 % slower: 30 A, then 30 B": _one_by_one,
        "the same, A and B in random pairs": _in_pairs,
    }
    figures = [
        Figure(name, draws.share(partial(_moves, partial(_drifting, draws, order))))
        for name, order in orders.items()
    ]
    figures += [
        Figure(f"{system}: 30 real boots, then the next 30", _in_order(draws, system))
        for system in simulated.SYSTEMS
    ]
    return part("FASTER or SLOWER of one system, in the order of time, no promise made:", figures)


def _spread(
    rng: np.random.Generator, n: int, m: int, sd: float
) -> Callable[[], tuple[list[int], list[int]]]:
    return lambda: (simulated.normal(rng, n), simulated.normal(rng, m, sd=sd))


def _one_by_one(rng: np.random.Generator, n: int) -> Any:  # noqa: ARG001  # the other order draws
    return np.repeat([False, True], n)


def _in_pairs(rng: np.random.Generator, n: int) -> Any:
    return rng.permuted(np.tile([False, True], (n, 1)), axis=1).ravel()


def _drifting(
    draws: Draws, order: Callable[[np.random.Generator, int], Any]
) -> tuple[list[int], list[int]]:
    """Draw boots of one system on a host that gets slower by 1 % from the first to the last."""
    drawn = draws.rng.choice(draws.real["qemu"], 2 * _SIDE, replace=False)
    late = np.rint(drawn * np.linspace(1, 1.01, 2 * _SIDE)).astype(np.int64)
    second = order(draws.rng, _SIDE)
    return late[~second].tolist(), late[second].tolist()


def _in_order(draws: Draws, system: str) -> float:
    """Compare each 30 boots of a system with those that followed."""
    values = draws.real[system].tolist()
    begins = range(len(values) - 2 * _SIDE + 1)
    sides = [(values[i : i + _SIDE], values[i + _SIDE : i + 2 * _SIDE]) for i in begins]
    return sum(total_change(*each).verdict in MOVED for each in sides) / len(sides)


def same_alarms(draws: Draws) -> Part:
    """Show how often a shift beyond the margin is said to be none."""

    def same(factor: float, n: int) -> bool:
        sides = simulated.sides(draws.rng, draws.real["qemu"], n, n, factor=factor)
        return total_change(*sides).verdict is Verdict.SAME

    wrong = [(1.01, 30), (1.01, 100), (1.015, 100)]
    figures = [
        Figure(
            f"qemu, {factor - 1:+.1%}, {n} a side",
            draws.share(partial(same, factor, n)),
            Aim(0, 0.06),
        )
        for factor, n in wrong
    ]
    figures += [
        Figure(f"qemu, no shift, {n} a side", draws.share(partial(same, 1.0, n)))
        for n in (30, 60, 100, 200)
    ]
    return part("SAME within 1 %: wrong at its edge and beyond, right without a shift:", figures)


# --- power --------------------------------------------------------------------------------------


def promised_power(draws: Draws) -> Part:
    """Show how often what was planted is found, where that was promised."""

    def slower() -> bool:
        sides = simulated.sides(draws.rng, draws.real["qemu"], 30, 30, factor=1.02)
        return total_change(*sides).verdict is Verdict.SLOWER

    named: Counter[str] = Counter()
    for _ in range(draws.count):
        verdicts = {
            change.name: change.verdict for change in _compared(draws, {"kernel": 1.03}).phases
        }
        named["kernel"] += verdicts.pop("kernel") is Verdict.SLOWER
        named["other"] += any(verdict in MOVED for verdict in verdicts.values())
    return part(
        "What was planted is found, 30 a side:",
        [
            Figure("qemu, +2 %: SLOWER", draws.share(slower), Aim(least=0.95)),
            Figure("made up, kernel +3 %: kernel SLOWER", named["kernel"] / draws.count),
            Figure("  another phase said to move", named["other"] / draws.count, _WRONG),
        ],
    )


def power_curve(draws: Draws) -> Part:
    """Show how often three rules see a system get slower, side by side."""
    rows = []
    for n, effect in product(_SIZES, (0.0, *_ALTERNATIVES)):
        sides = [
            simulated.sides(draws.rng, draws.real["qemu"], n, n, factor=1 + effect)
            for _ in range(draws.count)
        ]
        arrays = [np.array(side, dtype=float) for side in zip(*sides, strict=True)]
        said = Counter(total_change(*each).verdict for each in sides)
        shares = [said[Verdict.SLOWER] / len(sides), said[Verdict.SAME] / len(sides)]
        shares += [float((rule(*arrays) > 0).mean()) for rule in (peers.welch, peers.five_percent)]
        rows.append((str(n), f"{effect:+.1%}", *(f"{share:.1%}" for share in shares)))
    return Part(
        "Boots of qemu said to be slower (deviation 1.6 %), with so many a side. Welch: a t-test at "
        "5 %. The 5 % rule: Firecracker's, a permutation test at 1 % and a mean moved by over 5 %. "
        "At +0.0 % all of it is wrong but SAME.",
        ("n", "shift", "qbt SLOWER", "qbt SAME", "Welch", "5 % rule"),
        tuple(rows),
    )
