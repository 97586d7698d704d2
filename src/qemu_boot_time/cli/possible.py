"""Budgets that what is asked for can never keep: known, and refused, before the first boot."""

import operator
from collections.abc import Callable, Mapping
from decimal import Decimal

from qemu_boot_time.cli.gating import Gating
from qemu_boot_time.errors import UsageError
from qemu_boot_time.phases import PHASES, Rules
from qemu_boot_time.stats.gates import (
    SHARES,
    Gate,
    Kind,
    Motion,
    Operator,
    Statistic,
    Threshold,
    no_such_quantity,
)
from qemu_boot_time.stats.intervals import least_values


def check_possible(gating: Gating, rules: Rules, *, boots: int, most: int, counting: bool) -> None:
    """Check budgets of a run that is yet to be made, of ``boots`` boots at least and ``most`` at most.

    Raises UsageError for a percentile that takes more boots, for a number of boots that is never
    reached, for a name that no boot can have, and for instructions that nobody is ``counting``.
    """
    for gate in gating.gates:
        _check_boots(gate, boots)
        _check_most(gate, most)
        _check_name(gate, rules)
        if not counting and _needs_counts(gate):
            raise UsageError(
                f"{gate.words!r}: no instructions are counted", hint="--clock instructions (TCG)"
            )


def _check_boots(gate: Gate, boots: int) -> None:
    share = None if isinstance(gate.condition, Motion) else SHARES.get(gate.condition.statistic)
    least = 0 if share is None else least_values(share)
    if boots < least:
        raise UsageError(
            f"{gate.words!r}: takes {least} boots, not {boots}",
            hint=f"-n {least} (or --min-boots {least}), or .max",
        )


_NEVER: Mapping[tuple[Kind, Operator], Callable[[Decimal, Decimal], bool]] = {
    (Kind.REQUIRE, Operator.AT_LEAST): operator.lt,
    (Kind.REQUIRE, Operator.ABOVE): operator.le,
    (Kind.FAIL_IF, Operator.BELOW): operator.lt,
    (Kind.FAIL_IF, Operator.AT_MOST): operator.le,
}
"""How the most boots lie to the limit of a number of boots that is broken whatever comes."""


def _check_most(gate: Gate, most: int) -> None:
    condition = gate.condition
    if isinstance(condition, Motion) or condition.statistic not in {Statistic.N, Statistic.BOOTS}:
        return
    is_never = _NEVER.get((gate.kind, condition.operator))
    if is_never is not None and is_never(Decimal(most), condition.limit.value):
        raise UsageError(
            f"{gate.words!r}: there are {most} boots at most", hint="a larger -n (or --max-boots)"
        )


def _needs_counts(gate: Gate) -> bool:
    condition = gate.condition
    return isinstance(condition, Threshold) and condition.statistic is Statistic.INSTRUCTIONS


def _check_name(gate: Gate, rules: Rules) -> None:
    name = gate.condition.quantity
    unknown = no_such_quantity(name, {*rules.names.custom.values(), *rules.names.own})
    if unknown and name not in rules.phases:
        raise UsageError(
            f"{gate.words!r}: {unknown}",
            hint=f"phases: {', '.join(sorted(PHASES))}; marks: qbt run --help",
        )
