"""The words of a budget: one condition on one quantity of a run.

::

    QUANTITY[.STATISTIC] OPERATOR VALUE      linux_start_user.p95 > 300ms
    QUANTITY slower than VALUE               kernel slower than 2%

What they come to is :mod:`qemu_boot_time.stats.judging`'s.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from enum import StrEnum

from qemu_boot_time.errors import UsageError
from qemu_boot_time.formats.table import UNITS
from qemu_boot_time.model import EXEC
from qemu_boot_time.phases import PHASES, TOTAL, UNACCOUNTED
from qemu_boot_time.protocol import CONSOLE_POINTS, FINER_POINTS, TRACE_POINTS
from qemu_boot_time.stats.verdict import Margin, Verdict

BOOTS = "boots"
"""The quantity that is the run itself: ``boots.failed``."""
_EXIT_POINT = "Exit point "
_POINTS = (*TRACE_POINTS, *FINER_POINTS, *CONSOLE_POINTS)


class Kind(StrEnum):
    """What a condition is for."""

    FAIL_IF = "fail_if"
    """The budget is broken where the condition is true."""
    REQUIRE = "require"
    """The budget is broken where the condition is not true; of a motion, where it is not shown."""


class Unit(StrEnum):
    """What a limit counts."""

    TIME = "ns"
    PERCENT = "%"
    COUNT = "count"
    """Boots, or instructions."""


class Statistic(StrEnum):
    """What of a quantity is compared with the limit."""

    MEDIAN = "median"
    MEAN = "mean"
    SD = "sd"
    CV = "cv"
    MIN = "min"
    MAX = "max"
    P90 = "p90"
    P95 = "p95"
    P99 = "p99"
    N = "n"
    INSTRUCTIONS = "instructions"
    """Of the worst boot: every boot has to keep to the limit."""
    FAILED = "failed"
    SUSPECT = "suspect"
    BOOTS = "boots"
    """All that were tried."""


SHARES: Mapping[Statistic, float] = {
    Statistic.P90: 0.90,
    Statistic.P95: 0.95,
    Statistic.P99: 0.99,
}
"""The percentiles."""

_OF_BOOTS = {"n": Statistic.BOOTS, "failed": Statistic.FAILED, "suspect": Statistic.SUSPECT}
_OF_OTHERS = {each.value: each for each in Statistic if each not in _OF_BOOTS.values()}
_COUNTED = {Statistic.N, Statistic.INSTRUCTIONS, *_OF_BOOTS.values()}


class Operator(StrEnum):
    """How a value lies to the limit."""

    ABOVE = ">"
    AT_LEAST = ">="
    BELOW = "<"
    AT_MOST = "<="
    EQUAL = "=="
    OTHER = "!="


@dataclass(frozen=True, slots=True)
class Limit:
    """A number with what it counts."""

    value: Decimal
    """In nanoseconds, per cent, or as a count."""
    unit: Unit


@dataclass(frozen=True, slots=True)
class Threshold:
    """A statistic of one quantity against a limit."""

    quantity: str
    """A phase, a mark, or ``boots``."""
    statistic: Statistic
    operator: Operator
    limit: Limit


@dataclass(frozen=True, slots=True)
class Motion:
    """How far one quantity has moved from where the baseline has it."""

    quantity: str
    direction: Verdict
    """SLOWER or FASTER."""
    limit: Limit


@dataclass(frozen=True, slots=True)
class Gate:
    """One budget."""

    kind: Kind
    text: str
    """As it was given."""
    condition: Threshold | Motion

    @property
    def words(self) -> str:
        """What a person calls it."""
        return f"require {self.text}" if self.kind is Kind.REQUIRE else self.text


_EXAMPLES = "'kernel.median > 120ms', 'linux_start_user.p95 > 300ms', 'kernel slower than 2%'"
# What is in quotes is a name, whatever else it may look like.
_NAME = r"""(?P<name>(?P<quote>["']).+?(?P=quote)(?:\.\w+)?|(?!(?P<open>["']).*(?P=open)).+?)"""
_MOTION = re.compile(_NAME + r"\s+(?P<direction>slower|faster)\s+than\s+(?P<value>.+)")
_THRESHOLD = re.compile(_NAME + r"\s*(?P<operator>[<>=!]=|[<>])\s*(?P<value>[^<>=!]+)")
_QUOTED = re.compile(r"""(?P<quote>["'])(?P<name>.+)(?P=quote)(?:\.(?P<statistic>\w+))?""")
# A comma parts thousands alone: 1,5ms would be another number in another country.
_NUMBER = re.compile(
    r"(?P<number>(?:[0-9]{1,3}(?:[_,][0-9]{3})+|[0-9]+)(?:\.[0-9]+)?)\s*(?P<unit>[a-z%]*)"
)
_OPERATORS = frozenset("<>=!")
_MOST_DIGITS = 18
_VALUES = "a value is as 300ms, 2%, 160_000_000 (instructions, boots)"
_UNIT_WORDS = {
    Unit.TIME: f"a time: one of {', '.join(UNITS)} after the number",
    Unit.PERCENT: "a share: % after the number",
    Unit.COUNT: "a whole number without a unit",
}
_LIKE_A_PERCENTILE = re.compile(r"p[0-9]+")


def parse_gate(kind: Kind, text: str) -> Gate:
    """Read a condition. Raises UsageError that names the part nobody can read."""
    words = " ".join(text.split())
    try:
        return Gate(kind, words, _condition(words))
    except UsageError as error:
        raise UsageError(f"{words!r}: {error.what}", hint=error.hint) from error


def parse_margin(text: str) -> Margin:
    """Read a margin: ``1%`` of the first side, or a length: ``2ms``, ``1_000`` instructions.

    Raises UsageError for anything else.
    """
    limit = _limit(text.strip())
    if limit.unit is Unit.PERCENT:
        return Margin(share=float(limit.value / 100))
    return Margin(length=round(limit.value))


def _condition(text: str) -> Threshold | Motion:
    if found := _MOTION.fullmatch(text):
        return _motion(*found.group("name", "direction", "value"))
    if found := _THRESHOLD.fullmatch(text):
        return _threshold(*found.group("name", "operator", "value"))
    raise UsageError("no condition", hint=f"as {_EXAMPLES}")


def _motion(name: str, direction: str, value: str) -> Motion:
    quantity, statistic = (TOTAL, Statistic.N) if name == BOOTS else _split(name)
    if statistic is not None:
        raise UsageError(
            f"'{direction} than' compares all boots of a phase, not {name!r}",
            hint=f"'{quantity} {direction} than {value}'",
        )
    return Motion(quantity, Verdict(direction.upper()), _limit(value))


def _threshold(name: str, operator: str, value: str) -> Threshold:
    quantity, statistic = _split(name)
    statistic = statistic or Statistic.MEDIAN
    limit = _limit(value)
    wanted = Unit.COUNT if statistic in _COUNTED else Unit.TIME
    wanted = Unit.PERCENT if statistic is Statistic.CV else wanted
    if limit.unit is not wanted:
        unknown = no_such_quantity(quantity)
        before = f"{unknown}, unless it is a name of yours; " if unknown else ""
        raise UsageError(f"{before}{value!r}: {statistic} is {_UNIT_WORDS[wanted]}", hint=_VALUES)
    return Threshold(quantity, statistic, Operator(operator), limit)


def no_such_quantity(name: str, own: Collection[str] = ()) -> str:
    """Say that no boot can have a phase or a mark of this name; empty: one can.

    ``own`` are the user's marks.
    """
    marks = {EXEC, *(point.name for point in _POINTS), *own}
    known = {BOOTS, UNACCOUNTED, *PHASES, *marks}
    ends = name.split("..")
    if name in known or name.startswith(_EXIT_POINT) or (len(ends) > 1 and marks.issuperset(ends)):
        return ""
    near = get_close_matches(name, known, n=1)
    return f"no phase or mark is called {name!r}" + (f": {near[0]}?" if near else "")


def _split(name: str) -> tuple[str, Statistic | None]:
    """Part a quantity from its statistic, from the right: names may hold dots."""
    if quoted := _QUOTED.fullmatch(name):
        word = quoted["statistic"]
        return quoted["name"], None if word is None else _statistic(word, _OF_OTHERS)
    if _OPERATORS.intersection(name):
        raise UsageError("more than one operator", hint="a name that holds one takes quotes")
    head, dot, tail = name.rpartition(".")
    if name == BOOTS or (dot and head == BOOTS):
        return BOOTS, _statistic(tail if dot else "", _OF_BOOTS)
    if not dot or not head or head.endswith("."):
        return name, None
    if tail in _OF_OTHERS:
        return head, _OF_OTHERS[tail]
    if _LIKE_A_PERCENTILE.fullmatch(tail) or get_close_matches(tail, [*_OF_OTHERS, *_OF_BOOTS]):
        _statistic(tail, _OF_OTHERS)
    return name, None


def _statistic(word: str, known: Mapping[str, Statistic]) -> Statistic:
    if word in known:
        return known[word]
    of = "of the boots" if known is _OF_BOOTS else "of a phase or a mark"
    trouble = f"{word!r} is no statistic {of}" if word else f"no statistic {of}"
    raise UsageError(
        f"{trouble}: {', '.join(known)}",
        hint="a name with a dot in it takes quotes: '\"net.p9\" > 3ms'",
    )


def _limit(text: str) -> Limit:
    found = _NUMBER.fullmatch(text)
    if not found or len(found["number"]) > _MOST_DIGITS:
        raise UsageError(f"{text!r} is no value", hint=_VALUES)
    number = Decimal(found["number"].replace("_", "").replace(",", ""))
    word = found["unit"]
    if word in UNITS:
        return Limit(number * UNITS[word], Unit.TIME)
    if word == "%":
        return Limit(number, Unit.PERCENT)
    if word or number != number.to_integral_value():
        raise UsageError(f"{text!r} is no value of {', '.join(UNITS)}, % or whole", hint=_VALUES)
    return Limit(number, Unit.COUNT)


def compared_by(gates: Iterable[Gate]) -> frozenset[str]:
    """Name the quantities that these compare with a baseline."""
    return frozenset(
        gate.condition.quantity for gate in gates if isinstance(gate.condition, Motion)
    )
