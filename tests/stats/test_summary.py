"""Statistics over boots, against independent ones; what counts and what is left out."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from boots import booted, marks, wrote
from qemu_boot_time.model import Boot, Clock, Outcome
from qemu_boot_time.phases import Rules, boot_of, boot_of_marks, boots_of
from qemu_boot_time.stats.summary import Stats, Summary, stats_of, summarise, unaccounted

_TIMES = st.lists(st.integers(0, 10**12), min_size=1, max_size=40)


def table(*rows: dict[str, int]) -> list[Boot]:
    """Make boots of rows of marks."""
    return [boot_of_marks(marks(**row), index=i, rules=Rules()) for i, row in enumerate(rows)]


def mark(summary: Summary, name: str) -> Stats:
    """Give the statistics of one mark's time."""
    return next(row.at for row in summary.marks if row.name == name)


def phase(summary: Summary, name: str) -> Stats:
    """Give the statistics of one phase."""
    return next(row.length for row in summary.phases if row.name == name)


@given(_TIMES)
def test_mean_and_extremes_are_those_of_scipy(times_ns: list[int]) -> None:
    """Mean, minimum and maximum agree with scipy.stats, to half a nanosecond."""
    found = stats_of(times_ns)

    extremes = int(scipy_stats.tmin(times_ns)), int(scipy_stats.tmax(times_ns))
    assert (len(times_ns), *extremes) == (found.n, found.min, found.max)
    assert pytest.approx(float(scipy_stats.tmean(times_ns)), abs=0.51) == found.mean
    assert abs(Fraction(sum(times_ns), len(times_ns)) - found.mean) <= Fraction(1, 2)


@given(_TIMES)
def test_the_median_is_that_of_scipy(times_ns: list[int]) -> None:
    """It agrees with the 50th percentile of scipy, to half a nanosecond."""
    expected = float(scipy_stats.scoreatpercentile(times_ns, 50))

    assert pytest.approx(expected, abs=0.51) == stats_of(times_ns).median


def test_one_boot_is_enough() -> None:
    """With n = 1 every statistic is that boot's."""
    summary = summarise(table({"fw_start": 20, "fw_do_boot": 50}))

    assert Stats(1, 50, 50, 50, 50) == mark(summary, "fw_do_boot") == phase(summary, "total")


def test_no_boot_at_all() -> None:
    """An empty run has a summary without rows."""
    assert Summary(Clock.TIME, 0, 0, 0, (), (), ()) == summarise([])


def test_a_boot_that_failed_is_counted_and_left_out() -> None:
    """Its marks do not reach the statistics; with no other boot there are none."""
    good, bad = table({"fw_start": 20}, {"fw_start": 9000})
    failed = replace(bad, outcome=Outcome.TIMEOUT)

    summary = summarise([good, failed])

    assert (2, 1, Stats(1, 20, 20, 20, 20)) == (summary.boots, summary.ok, summary.marks[0].at)
    assert ((), ()) == (summarise([failed]).marks, summarise([failed]).phases)


def test_a_suspect_boot_is_counted_and_kept() -> None:
    """Nothing is dropped for looking odd."""
    summary = summarise(table({"fw_start": 30, "fw_do_boot": 20}, {"fw_start": 30}))

    assert (1, 2) == (summary.suspect, mark(summary, "fw_start").n)


def test_phases_are_each_boots_own() -> None:
    """The longest kernel phase need not be in the boot with the latest marks."""
    rows = [(10, 110), (200, 210), (90, 110)]
    boots = table(*({"linux_start_kernel": a, "linux_start_user": b} for a, b in rows))

    assert Stats(3, 20, 43, 10, 100) == phase(summarise(boots), "kernel")


def test_deltas_are_each_boots_own() -> None:
    """A delta counts the boots in which that very mark came before."""
    boots = table(
        {"fw_start": 10, "fw_do_boot": 30},
        {"fw_start": 10, "fw_do_boot": 70},
        {"fw_do_boot": 50},
    )

    first, second = summarise(boots).marks

    assert (("", 2), ("fw_start", 2)) == ((first.delta_from, first.at.n), (second.delta_from, 2))
    assert (first.delta, second.delta) == (Stats(2, 10, 10, 10, 10), Stats(2, 40, 40, 20, 60))
    assert Stats(3, 50, 50, 30, 70) == second.at


def test_a_mark_that_came_twice_counts_once() -> None:
    """Over boots, a trace point has the time of its first pass."""
    boot = boot_of([*booted(values=(1, 5, 5, 5))], index=0, pid=1, rules=Rules())

    assert Stats(1, 30, 30, 30, 30) == mark(summarise([boot]), "fw_do_boot")


def test_rows_come_in_the_order_of_a_boot() -> None:
    """Parts by when they begin, then the total, then the user's own phases."""
    rules = Rules(phases={"own": ("exec", "fw_start")})
    boots = boots_of([*booted(1000, (5, 3, 7)), *booted(2000, vm=2)], rules)

    summary = summarise(boots)

    expected = [
        "vmm",
        "qemu_init_end..fw_do_boot",
        "firmware",
        "loader",
        "linux_start_boot..linux_start_user",
        "kernel_early",
        "kernel",
        "total",
        "own",
    ]
    assert expected == [row.name for row in summary.phases]


def test_marks_come_in_the_order_of_a_boot() -> None:
    """Also where few boots have one, and those were the fastest; what follows it has its delta."""
    slow = {"qemu_init_end": 500, "fw_start": 600, "linux_start_user": 900}
    fast = {"qemu_init_end": 50, "linux_start_user": 80, "power_off": 95}

    rows = summarise(table(slow, slow, fast)).marks

    names = ["qemu_init_end", "fw_start", "linux_start_user", "power_off"]
    assert names == [row.name for row in rows]
    assert Stats(1, 15, 15, 15, 15) == rows[-1].delta


@pytest.mark.parametrize(
    ("boots", "names"),
    [
        (({"power_off": 10}, {"fw_start": 20, "linux_start_user": 90}), ["fw_start", "linux_start_user", "power_off"]),
        (({"linux_start_kernel": 10}, {"fw_start": 20}), ["fw_start", "linux_start_kernel"]),
        (({"mine": 10}, {"fw_start": 20}), ["mine", "fw_start"]),
        (({"a": 1, "b": 2}, {"b": 1, "c": 2}, {"c": 1, "a": 3}), ["b", "c", "a"]),
    ],
    ids=["power_off", "protocol", "medians", "circle"],
)  # fmt: skip
def test_marks_that_no_boot_has_together(
    boots: tuple[dict[str, int], ...], names: list[str]
) -> None:
    """The protocol orders them, and the user's own go by their medians, as does what goes in a circle."""
    assert names == [row.name for row in summarise(table(*boots)).marks]


def test_totals_with_different_ends_are_different_things() -> None:
    """A boot whose last mark is missing does not shorten the total; what most have is first."""
    whole = [*booted(2000, vm=2), *booted(3000, vm=3)]

    summary = summarise(boots_of([*booted(1000, (1, 5)), *whole], Rules()))

    totals = [(row.end, row.length.n, row.length.min) for row in summary.phases[-2:]]
    assert [("linux_start_user", 2, 60), ("fw_do_boot", 1, 30)] == totals


def test_unaccounted_is_the_total_less_its_parts() -> None:
    """Per boot, and its statistics are of each boot's own."""
    boots = table(
        {"qemu_init_end": 10, "fw_start": 15, "fw_do_boot": 20},
        {"qemu_init_end": 10, "fw_start": 45, "fw_do_boot": 50},
    )

    assert [5, 35] == [unaccounted(boot) for boot in boots]
    (rest,) = summarise(boots).unaccounted
    assert ("unaccounted", "exec", "fw_do_boot") == (rest.name, rest.begin, rest.end)
    assert Stats(2, 20, 20, 5, 35) == rest.length


def two_ends() -> list[Boot]:
    """Make three boots that end at one mark, without a rest, and one that ends later, with one."""
    short = {"fw_start": 20, "fw_do_boot": 100}
    return table(short, short, short, {"fw_start": 20, "fw_do_boot": 100, "up": 400})


def test_each_total_has_its_own_rest() -> None:
    """Boots that end at another mark are not in it; it stands before its total."""
    summary = summarise(two_ends())

    assert [("fw_do_boot", Stats(3, 0, 0, 0, 0)), ("up", Stats(1, 300, 300, 300, 300))] == [
        (row.end, row.length) for row in summary.unaccounted
    ]
    assert ["exec..fw_start", "firmware", *["unaccounted", "total"] * 2] == [
        row.name for row in summary.rows
    ]


def test_shares_are_of_the_boots_of_one_total() -> None:
    """Those of the total that most boots have add up, whatever later boots took."""
    shares = [row.share for row in summarise(two_ends()).rows]

    assert [0.2, 0.8, 0.0, 1.0, 0.75, 1.0] == shares


def test_a_phase_that_some_boots_lack_took_nothing_in_them() -> None:
    """So shares add up where a mark was not seen in each boot."""
    boots = table({"fw_start": 20, "fw_do_boot": 100}, {"fw_do_boot": 100})

    assert {"exec..fw_start": 0.1, "firmware": 0.4, "exec..fw_do_boot": 0.5} == {
        row.name: row.share for row in summarise(boots).phases if row.name != "total"
    }


def test_a_phase_of_later_boots_alone_is_a_share_of_their_total() -> None:
    """No boot of the first total has it."""
    rules = Rules(phases={"net": ("fw_start", "up")})
    seen = [{"fw_start": 20}, {"fw_start": 20}, {"fw_start": 20, "up": 80}]
    boots = [boot_of_marks(marks(**row), index=i, rules=rules) for i, row in enumerate(seen)]

    assert 0.75 == summarise(boots).phases[-1].share


def test_without_a_total_there_are_no_shares() -> None:
    """Nor is there one of a total that took nothing."""
    headless = summarise(boots_of([*booted(1000)][1:], Rules()))
    instant = summarise(table({"fw_start": 0}))

    assert {None} == {row.share for row in (*headless.rows, *instant.rows)}


def test_boots_without_an_exec_do_not_shift_the_others() -> None:
    """Their marks count from another zero: only their phases and deltas are used."""
    whole, headless = booted(1000), [*booted(2000, vm=2)][1:]

    summary = summarise(boots_of([*whole, *headless], Rules()))

    assert Stats(1, 60, 60, 60, 60) == mark(summary, "linux_start_user")
    assert (2, 1) == (phase(summary, "kernel").n, phase(summary, "total").n)
    assert [1, 2, 2, 2, 2, 2] == [row.delta.n for row in summary.marks if row.delta]


def test_where_no_exec_was_seen_marks_count_from_the_first() -> None:
    """All boots of a recording without execs share that zero; the first has no delta."""
    summary = summarise(boots_of([*booted(1000)][1:], Rules()))

    assert (None, Stats(1, 0, 0, 0, 0)) == (summary.marks[0].delta, summary.marks[0].at)
    assert Stats(1, 50, 50, 50, 50) == mark(summary, "linux_start_user")


def test_who_saw_a_mark_is_said_once() -> None:
    """Each way of seeing it is named, in a fixed order."""
    late = wrote(2020, 1, vm=2, source="debugcon")

    summary = summarise(boots_of([*booted(1000, (1,)), *booted(2000, (), vm=2), late], Rules()))

    assert [("perf kvm:kvm_entry",), ("debugcon", "perf")] == [row.seen_by for row in summary.marks]
