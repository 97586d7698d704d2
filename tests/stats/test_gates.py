"""The words of a budget: what they mean, and what nobody can read."""

from decimal import Decimal

import pytest

from qemu_boot_time.errors import UsageError
from qemu_boot_time.stats.gates import (
    Gate,
    Kind,
    Limit,
    Motion,
    Operator,
    Statistic,
    Threshold,
    Unit,
    parse_gate,
    parse_margin,
)
from qemu_boot_time.stats.verdict import Margin, Verdict


def read(text: str) -> Threshold | Motion:
    """Read a condition."""
    return parse_gate(Kind.FAIL_IF, text).condition


def refused(text: str) -> UsageError:
    """Give what is said of a condition that cannot be read."""
    with pytest.raises(UsageError) as caught:
        read(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "quantity", "statistic"),
    [
        ("kernel > 3ms", "kernel", Statistic.MEDIAN),
        ("linux_start_user.p95 > 3ms", "linux_start_user", Statistic.P95),
        ("fw_start..linux_start_kernel > 3ms", "fw_start..linux_start_kernel", Statistic.MEDIAN),
        ("fw_start..linux_start_kernel.max>3ms", "fw_start..linux_start_kernel", Statistic.MAX),
        ("a..n > 3ms", "a..n", Statistic.MEDIAN),
        ("net.up > 3ms", "net.up", Statistic.MEDIAN),
        ("net.up.sd > 3ms", "net.up", Statistic.SD),
        ('"net.p9" > 3ms', "net.p9", Statistic.MEDIAN),
        ('"net.p9".min > 3ms', "net.p9", Statistic.MIN),
        ("'a > b' > 3ms", "a > b", Statistic.MEDIAN),
        ('"a slower than b" > 3ms', "a slower than b", Statistic.MEDIAN),
        ("'a faster than b'.max > 3ms", "a faster than b", Statistic.MAX),
        ("'tis > 3ms", "'tis", Statistic.MEDIAN),
        ("Exit point 9.mean > 3ms", "Exit point 9", Statistic.MEAN),
        ("target:basic > 3ms", "target:basic", Statistic.MEDIAN),
        ("'boots' > 3ms", "boots", Statistic.MEDIAN),
    ],
)
def test_names_are_read_from_the_right(text: str, quantity: str, statistic: Statistic) -> None:
    """A name may hold dots, blanks and, in quotes, anything; the median is what is meant."""
    limit = Limit(Decimal(3_000_000), Unit.TIME)

    assert Threshold(quantity, statistic, Operator.ABOVE, limit) == read(text)


@pytest.mark.parametrize("operator", [">", ">=", "<", "<=", "==", "!="])
def test_operators(operator: str) -> None:
    """With blanks around them, or without."""
    limit = Limit(Decimal(20), Unit.COUNT)
    expected = Threshold("total", Statistic.N, Operator(operator), limit)

    assert expected == read(f"total.n{operator}20") == read(f" total.n  {operator} 20 ")


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("a > 7ns", "7", Unit.TIME),
        ("a > 1.5us", "1500", Unit.TIME),
        ("a > 300 ms", "300000000", Unit.TIME),
        ("a > 2s", "2000000000", Unit.TIME),
        ("a.cv > 3%", "3", Unit.PERCENT),
        ("a.cv > 0.5 %", "0.5", Unit.PERCENT),
        ("a.instructions > 160_000_000", "160000000", Unit.COUNT),
        ("a.instructions > 160,000,000", "160000000", Unit.COUNT),
        ("boots.failed > 0", "0", Unit.COUNT),
    ],
)
def test_values(text: str, value: str, unit: Unit) -> None:
    """Times in any unit, shares, and counts with marks between thousands."""
    assert Limit(Decimal(value), unit) == read(text).limit


@pytest.mark.parametrize(
    ("text", "statistic"),
    [
        ("boots.failed > 0", Statistic.FAILED),
        ("boots.suspect > 0", Statistic.SUSPECT),
        ("boots.n > 0", Statistic.BOOTS),
    ],
)
def test_the_run_itself(text: str, statistic: Statistic) -> None:
    """Boots are a quantity with statistics of its own."""
    limit = Limit(Decimal(0), Unit.COUNT)

    assert Threshold("boots", statistic, Operator.ABOVE, limit) == read(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "kernel slower than 2%",
            Motion("kernel", Verdict.SLOWER, Limit(Decimal(2), Unit.PERCENT)),
        ),
        (
            "a..b  faster  than 1.5 ms",
            Motion("a..b", Verdict.FASTER, Limit(Decimal(1_500_000), Unit.TIME)),
        ),
        ("total slower than 100", Motion("total", Verdict.SLOWER, Limit(Decimal(100), Unit.COUNT))),
        (
            "'a slower than b' slower than 0%",
            Motion("a slower than b", Verdict.SLOWER, Limit(Decimal(0), Unit.PERCENT)),
        ),
        (
            "'a > b' slower than 0%",
            Motion("a > b", Verdict.SLOWER, Limit(Decimal(0), Unit.PERCENT)),
        ),
        (
            "'my.max' slower than 0%",
            Motion("my.max", Verdict.SLOWER, Limit(Decimal(0), Unit.PERCENT)),
        ),
    ],
)
def test_against_a_baseline(text: str, expected: Motion) -> None:
    """By a share, a time or a count."""
    assert expected == read(text)


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ("", "no condition"),
        ("kernel", "no condition"),
        ("kernel = 3ms", "no condition"),
        ("> 3ms", "no condition"),
        ("kernel > ", "no condition"),
        ("kernel > 3ms > 2ms", "more than one operator"),
        ("kernel slower than", "no condition"),
        ("kernel > 120", "'120': median is a time: one of ns, us, ms, s after the number"),
        ("kernel > 3%", "'3%': median is a time"),
        ("foo > 3", "no phase or mark is called 'foo', unless it is a name of yours; '3': median"),
        ("kernl > 3", "no phase or mark is called 'kernl': kernel?, unless"),
        ("kernel.cv > 3ms", "'3ms': cv is a share: % after the number"),
        ("kernel.n > 3ms", "'3ms': n is a whole number"),
        ("kernel.n > 2.5", "'2.5' is no value of ns, us, ms, s, % or whole"),
        ("kernel > 5 parsecs", "'5 parsecs' is no value of ns"),
        ("kernel > 1,5ms", "'1,5ms' is no value"),
        ("kernel > -3ms", "'-3ms' is no value"),
        ("kernel > nan", "'nan' is no value"),
        ("kernel > 1e3ms", "'1e3ms' is no value"),
        (f"kernel.n > {'9' * 99}", "is no value"),
        ("kernel > ٣ms", "is no value"),
        ("kernel.p96 > 3ms", "'p96' is no statistic of a phase or a mark: median, mean"),
        ("kernel.medain > 3ms", "'medain' is no statistic of a phase or a mark"),
        ("kernel.failed > 3", "'failed' is no statistic of a phase or a mark"),
        ("'kernel'.up > 3ms", "'up' is no statistic"),
        ("boots > 3", "no statistic of the boots: n, failed, suspect"),
        ("boots.p95 > 3ms", "'p95' is no statistic of the boots: n, failed, suspect"),
        ("total.p95 slower than 2%", "'slower than' compares all boots of a phase"),
        ("boots slower than 2%", "'slower than' compares all boots of a phase"),
    ],
)
def test_what_nobody_can_read(text: str, trouble: str) -> None:
    """The whole condition is named, then the part of it."""
    said = refused(text)

    assert said.what.startswith(f"{' '.join(text.split())!r}: ")
    assert trouble in said.what
    assert "\n" not in said.what


def test_a_statistic_that_may_be_a_name_asks_for_quotes() -> None:
    """What looks like a slip is none of a name in quotes."""
    assert "quotes" in refused("net.maxx > 3ms").hint
    assert isinstance(read("'net.maxx' > 3ms"), Threshold)


def test_what_a_person_calls_it() -> None:
    """As given, with blanks made even; a requirement says that it is one."""
    found = [parse_gate(kind, " kernel  >  3ms ") for kind in Kind]

    assert ["kernel > 3ms", "require kernel > 3ms"] == [gate.words for gate in found]
    assert [Gate, Gate] == [type(gate) for gate in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1%", Margin(share=0.01)),
        ("0.5 %", Margin(share=0.005)),
        ("2ms", Margin(length=2_000_000)),
        ("1_000", Margin(length=1000)),
    ],
)
def test_margins(text: str, expected: Margin) -> None:
    """A share of the first side, a time, or a count."""
    assert expected == parse_margin(text)


def test_a_margin_that_is_none() -> None:
    """It is refused like any other value."""
    with pytest.raises(UsageError, match="'much' is no value"):
        parse_margin("much")
