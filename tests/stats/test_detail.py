"""A run in detail: each number, what so few boots do not tell, and the phase that makes two modes."""

import math
from dataclasses import replace

import numpy as np
import pytest

import simulated
from boots import marks
from qemu_boot_time.model import Boot, Outcome
from qemu_boot_time.phases import Rules, boot_of_marks
from qemu_boot_time.stats.detail import Detail, detail_of, details_of
from qemu_boot_time.stats.intervals import Interval, mean_interval
from qemu_boot_time.stats.quantities import Place

TOTAL = Place("total", "exec", "linux_start_user")


def boots(*rows: tuple[int, int, int]) -> list[Boot]:
    """Make boots whose firmware starts, kernel starts, user starts at these times."""
    names = ("fw_start", "linux_start_kernel", "linux_start_user")
    return [
        boot_of_marks(marks(**dict(zip(names, row, strict=True))), index=i, rules=Rules())
        for i, row in enumerate(rows)
    ]


def two_kinds(n: int, kernel: int, firmware: int = 0) -> list[Boot]:
    """Make boots of which each third takes so much longer in the kernel, and in the firmware."""
    return boots(
        *(
            (
                1_000 + i,
                10_000 + 2 * i + late * firmware,
                50_000 + 3 * i + late * (kernel + firmware),
            )
            for i, late in ((i % 7, i % 3 == 0) for i in range(n))
        )
    )


# --- one quantity -----------------------------------------------------------------------------


def test_ten_boots() -> None:
    """All that ten tell; percentiles are refused."""
    values = [10, 12, 11, 13, 16, 12, 11, 10, 14, 12]

    found = detail_of(simulated.numbered(values))

    expected = Detail(
        n=10,
        median=12.0,
        mean=12.1,
        sd=found.sd,
        min=10,
        max=16,
        p90=None,
        p95=None,
        p99=None,
        median_interval=Interval(10, 14),
        outliers=(),
        modes=None,
        values=simulated.numbered(values),
    )
    assert expected == found
    assert (mean_interval(values), None) == (found.mean_interval, found.drift)
    assert math.sqrt(30.9 / 9) == pytest.approx(found.sd or 0)
    assert math.sqrt(30.9 / 9) / 12.1 == pytest.approx(found.cv or 0)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_few_boots_have_no_intervals(n: int) -> None:
    """What they tell is told, the rest is None; one boot has no deviation."""
    found = detail_of(simulated.numbered([100, 103, 101, 104, 102][:n]))

    assert (n, None, None, None) == (found.n, found.median_interval, found.mean_interval, found.p90)
    assert (n == 1) == (found.sd is None) == (found.cv is None)


def test_no_spread() -> None:
    """A deviation of 0, intervals of one value, nothing odd."""
    found = detail_of(dict.fromkeys(range(1, 31), 7))

    assert (0.0, 0.0, Interval(7, 7), Interval(7, 7)) == (
        found.sd,
        found.cv,
        found.median_interval,
        found.mean_interval,
    )
    assert ((), None, None) == (found.outliers, found.drift, found.modes)


def test_a_phase_that_takes_no_time_has_no_variation_in_parts_of_it() -> None:
    """Its mean is 0."""
    assert None is detail_of({1: 0, 2: 0}).cv


def test_percentiles_come_with_enough_boots() -> None:
    """p90 of 29, p95 of 59, p99 of 299."""
    known = [
        [each is not None for each in (found.p90, found.p95, found.p99)]
        for found in (detail_of(simulated.numbered(range(n))) for n in (28, 29, 58, 59, 298, 299))
    ]

    assert [sum(each) for each in known] == [0, 1, 1, 2, 2, 3]


def test_outliers_and_drift_come_with_the_boots_numbers() -> None:
    """The first boot, far behind all others, is told twice."""
    found = detail_of({3: 200, **{i: 100 + i % 5 for i in range(4, 16)}})

    assert [3] == [each.boot for each in found.outliers]
    assert found.drift is not None
    assert found.drift.start is not None
    assert 1 == found.drift.start.boots


# --- a run ------------------------------------------------------------------------------------


def test_every_mark_and_phase_is_looked_at() -> None:
    """In the order of a boot, the total last; failed boots are left out."""
    failed = Boot(9, 1, Outcome.TIMEOUT)

    found = details_of([*boots((10, 20, 50), (12, 24, 60)), failed])

    assert ["fw_start", "linux_start_kernel", "linux_start_user"] == list(found.marks)
    assert [
        "exec..fw_start",
        "fw_start..linux_start_kernel",
        "kernel",
        "unaccounted",
        "total",
    ] == [place.name for place in found.phases]
    assert (TOTAL, 2, 55.0) == (found.total, found.phases[TOTAL].n, found.phases[TOTAL].median)


def test_no_boots() -> None:
    """Nothing, and no error; the same where all failed."""
    for run in ([], [Boot(0, 1, Outcome.TIMEOUT)]):
        found = details_of(run)

        assert ({}, {}, None, None) == (found.marks, found.phases, found.total, found.separator)


# --- the phase that parts the modes -----------------------------------------------------------


def test_the_phase_that_makes_the_modes_is_named() -> None:
    """All of what parts the totals is in the kernel."""
    found = details_of(two_kinds(30, kernel=5_000))

    assert found.separator is not None
    assert ("kernel", 5_000) == (found.separator.place.name, found.separator.apart)
    assert 1.0 == pytest.approx(found.separator.share, abs=0.01)


def test_the_phase_that_carries_most_is_named() -> None:
    """Four fifths in the kernel, one in the firmware."""
    found = details_of(two_kinds(30, kernel=4_000, firmware=1_000))

    assert found.separator is not None
    assert "kernel" == found.separator.place.name
    assert 0.8 == pytest.approx(found.separator.share, abs=0.01)


def test_no_phase_alone_parts_them() -> None:
    """Half and half: none carries more than half."""
    found = details_of(two_kinds(30, kernel=2_500, firmware=2_500))

    assert found.phases[TOTAL].modes is not None
    assert None is found.separator


def test_one_mode_has_no_separator() -> None:
    """Nothing parts what is not parted."""
    found = details_of(two_kinds(30, kernel=0))

    assert (None, None) == (found.phases[TOTAL].modes, found.separator)


def test_of_three_modes_the_farthest_are_parted() -> None:
    """The fastest kind against the slowest."""
    rows = [
        (1_000 + i % 7, 10_000 + 2 * (i % 7), 50_000 + 4_000 * (i % 3) + 3 * (i % 7))
        for i in range(60)
    ]

    found = details_of(boots(*rows))

    modes = found.phases[TOTAL].modes
    assert modes is not None
    assert 3 == len(modes.modes)
    assert found.separator is not None
    assert 8_000 == pytest.approx(found.separator.apart, abs=10)


def test_a_boot_without_the_phase_is_no_obstacle() -> None:
    """It has the total, and no say in which phase it is."""
    whole = two_kinds(30, kernel=5_000)
    torn = replace(whole[3], phases=tuple(p for p in whole[3].phases if p.name != "kernel"))

    found = details_of([*whole[:3], torn, *whole[4:]])

    assert found.separator is not None
    assert "kernel" == found.separator.place.name


def test_the_guilty_phase_is_named_in_simulated_runs() -> None:
    """Of 20 runs whose kernels are of two kinds, every one that has two modes names the kernel."""
    rng = np.random.default_rng(1)
    second = simulated.Second("kernel", extra_ns=30_000_000)

    found = [
        details_of(simulated.boots_of(simulated.lengths(rng, 40, second=second))).separator
        for _ in range(20)
    ]

    named = [each.place.name for each in found if each]
    assert len(named) >= 18
    assert {"kernel"} == set(named)
