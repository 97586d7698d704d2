"""A waterfall in characters: bars on one scale, numbers that are the table's."""

from dataclasses import replace

import pytest

from boots import booted, marks
from budgets import MS, counted_run, run_of
from qemu_boot_time.model import Boot, Clock, Outcome, Run
from qemu_boot_time.phases import Rules, boot_of_marks, boots_of
from qemu_boot_time.report import comparison
from qemu_boot_time.report.comparison import Compared
from qemu_boot_time.report.parts import Screen, Signs
from qemu_boot_time.report.text import Showing, to_text
from qemu_boot_time.report.waterfall import CAPTION, waterfall, waterfall_of_sides
from qemu_boot_time.stats.compare import compare
from qemu_boot_time.stats.quantities import Place
from qemu_boot_time.stats.summary import summarise
from qemu_boot_time.stats.verdict import Margin

ASCII = Screen(60, Signs.ASCII)


def drawn(
    *boots: Boot, screen: Screen = ASCII, clock: Clock = Clock.TIME, caption: bool = False
) -> list[str]:
    """Draw boots; give the lines."""
    lines = [text.plain for text in waterfall(boots, summarise(boots, clock), screen)]
    return lines if caption else lines[:-1]


def boot(*, index: int = 0, rules: Rules | None = None, **times_ms: float) -> Boot:
    """Make a boot of marks at times in ms."""
    seen = marks(**{name: round(ms * MS) for name, ms in times_ms.items()})
    return boot_of_marks(seen, index=index, rules=rules or Rules())


# --- one run ----------------------------------------------------------------------------------


def test_bars_lie_on_one_scale() -> None:
    """Each where its phase is, as long as it takes; below the total, which is all of it."""
    one = boot(fw_start=10, fw_do_boot=20, linux_start_boot=35, linux_start_kernel=38)

    assert [
        "phase (ms)      0.000                           38.000  median",
        "exec..fw_start  ##########                              10.000",
        "firmware                  ##########                    10.000",
        "loader                              ###############     15.000",
        "kernel_early                                       ###   3.000",
        "unaccounted                                              0.000",
        "total           ######################################  38.000",
    ] == drawn(one, screen=Screen(62, Signs.ASCII))


def test_half_columns_are_drawn_where_the_encoding_can() -> None:
    """A bar that ends in the middle of a column, the next that begins there, and a sliver."""
    one = boot(fw_start=15, fw_do_boot=25.1, linux_start_boot=25.2, linux_start_kernel=40)

    bars = drawn(one, screen=Screen(64))

    assert ["███████████████", "               ██████████", "                         ▏"] == [
        line[16:-8].rstrip() for line in bars[1:4]
    ]
    narrow = drawn(one, screen=Screen(44))
    assert ["███████▌", "       ▐████▌", "            ▏"] == [
        line[16:-8].rstrip() for line in narrow[1:4]
    ]


def test_what_no_phase_explains_is_drawn_where_it_lies() -> None:
    """Between the first entry and the firmware, and nowhere else."""
    (one,) = boots_of([*booted(1000, (1, 5))], Rules())

    rest = next(line for line in drawn(one) if line.startswith("unaccounted"))

    assert 30 == one.phases[-1].duration_ns
    assert (13, 13) == (rest[13:-7].index("#"), rest.count("#"))


def test_what_comes_after_the_last_phase_is_drawn() -> None:
    """A mark that ends no phase may end the boot."""
    rest = next(line for line in drawn(boot(fw_start=10, up=40)) if line.startswith("unaccounted"))

    assert ("30.000", "#" * 27) == (rest.split()[-1], rest.split()[1])
    assert rest.endswith("#  30.000")


def test_what_a_phase_of_some_boots_covers_is_no_gap() -> None:
    """Boots may see different marks; the longer phase hides the shorter one within."""
    lines = drawn(
        boot(rules=Rules(until="up"), fw_start=10, linux_start_kernel=40, up=40),
        boot(index=1, fw_start=12, fw_do_boot=20, up=40),
    )

    assert ["#", ""] == [
        "#" * ("#" in line) for line in lines if line.startswith(("firmware", "unaccounted"))
    ]


def test_numbers_are_the_tables() -> None:
    """Medians of each boot's own phase, which are no differences of medians."""
    night = Run(
        "night",
        tuple(
            boot(index=i, linux_start_kernel=begin, linux_start_user=end)
            for i, (begin, end) in enumerate([(10, 110), (20, 130), (60, 180)])
        ),
    )

    text = to_text(night, Showing(waterfall=True))

    table, picture = text.split("\n\n")[2:4]
    medians = [line.split()[2] for line in table.splitlines()[1:]]
    assert ["20.000", "110.000", "0.000", "130.000"] == medians
    assert medians == [line.split()[-1] for line in picture.splitlines()[1:-1]]


def test_the_reader_is_told_what_a_bar_is() -> None:
    """In the last line."""
    assert CAPTION == drawn(boot(fw_start=1), caption=True)[-1]


def test_the_users_own_phases_stand_below_the_total() -> None:
    """They overlap the others."""
    rules = Rules(phases={"mine": ("fw_start", "linux_start_user")})

    lines = drawn(boot(rules=rules, fw_start=10, linux_start_user=40))

    assert ["total", "mine"] == [line.split()[0] for line in lines[-2:]]
    assert (34, 18) == (lines[-1].index("#"), lines[-1].count("#"))


def test_boots_that_failed_are_not_drawn() -> None:
    """As they are in no statistics."""
    good = boot(fw_start=10)

    both = drawn(good, replace(boot(index=1, fw_start=1000), outcome=Outcome.TIMEOUT))

    assert drawn(good) == both


def test_nothing_to_draw() -> None:
    """No boot, or none that counts: no line at all."""
    assert [] == waterfall((), summarise(()), ASCII)


def test_a_total_of_no_length() -> None:
    """A scale of nothing divides by nothing."""
    lines = drawn(boot(fw_start=0))

    assert ["0.000", "0.000"] == [
        line.split()[-1] for line in lines if line.startswith("total")
    ] * 2


def test_totals_that_end_elsewhere_say_where() -> None:
    """Each has its bar, and what no phase of its own boots explains."""
    lines = drawn(boot(fw_start=10), boot(index=1, fw_start=10, up=40))

    assert ["total (exec..fw_start)", "total (exec..up)"] == [
        line[:30].strip() for line in lines if line.startswith("total")
    ]
    rests = {line[:28].strip(): line[28:] for line in lines if line.startswith("unaccounted")}
    assert {"unaccounted (exec..fw_start)": 0, "unaccounted (exec..up)": 17} == {
        name: bar.count("#") for name, bar in rests.items()
    }


def test_long_names_leave_room_for_bars() -> None:
    """They are cut, wide letters too; no line is wider than the screen."""
    rules = Rules(phases={"大きい" * 20: ("exec", "fw_start"), "long" * 20: ("exec", "fw_start")})

    texts = waterfall(
        [boot(rules=rules, fw_start=10)], summarise([boot(rules=rules, fw_start=10)]), Screen()
    )

    assert {80} == {text.cell_len for text in texts[:-1]}
    assert 2 == sum(".." in text.plain[:40] for text in texts[-3:-1])


def test_text_of_a_guest_is_shown_not_obeyed() -> None:
    """A phase may be called anything."""
    rules = Rules(phases={"\x1b[31m[red]x": ("exec", "fw_start")})

    lines = drawn(boot(rules=rules, fw_start=10))

    assert r"\x1b[31m[red]x" in lines[-1]


def test_instructions_have_a_scale_of_their_own() -> None:
    """Where a phase begins is what its first mark had counted."""
    run = counted_run([3000])

    lines = [
        line.plain for line in waterfall(run.boots, summarise(run.boots, run.clock), Screen(70))
    ]

    assert "phase (instructions)" == lines[0][:20]
    kernel = next(line for line in lines if line.startswith("kernel"))
    before = next(line for line in lines if line.startswith("exec"))
    assert ("1,000", "3,000") == (before.split()[-1], kernel.split()[-1])
    assert before.index("█") + before.count("█") <= kernel.index("█") + 1


# --- two runs ---------------------------------------------------------------------------------


def test_two_sides_are_drawn_one_above_the_other() -> None:
    """On one scale, with the medians of the table of the comparison."""
    first, second = run_of([30, 30]), run_of([70, 70])
    found = compare(first, second, Margin())

    text = comparison.to_text(Compared(first, second, found), ASCII, waterfall=True)

    bars = [" ".join(line.split()) for line in text.splitlines() if "#" in line]
    assert ["10.000", "10.000", "30.000", "70.000", "40.000", "80.000"] == [
        bar.split()[-1] for bar in bars
    ]
    assert ["first", "second"] * 3 == [
        next(word for word in bar.split() if word in {"first", "second"}) for bar in bars
    ]
    lengths = [bar.count("#") for bar in bars]
    assert (lengths[0], 2 * lengths[4]) == (lengths[1], lengths[5])


def test_a_side_that_lacks_a_phase_has_no_bar() -> None:
    """And no number."""
    place = Place("kernel", "linux_start_kernel", "linux_start_user")
    sides = run_of([30]).boots, ()

    lines = waterfall_of_sides(sides, [(place, (30 * MS, None))], Clock.TIME, ASCII)

    assert "second" == lines[2].plain.strip()


def test_counts_are_drawn_too() -> None:
    """Instructions of either side."""
    from qemu_boot_time.report import exact
    from qemu_boot_time.stats import exact as stats_exact

    sides = counted_run([3000]), counted_run([5000])

    text = exact.to_text(*sides, stats_exact.compare(*sides), ASCII, waterfall=True)

    assert ["1,000", "1,000", "3,000", "5,000", "4,000", "6,000"] == [
        line.split()[-1] for line in text.splitlines() if "#" in line
    ]


@pytest.mark.parametrize("colour", [False, True])
def test_colour_is_for_terminals(colour: bool) -> None:  # noqa: FBT001  # a case of the test
    """The words are the same."""
    run = run_of([30])

    text = to_text(run, Showing(waterfall=True, screen=Screen(colour=colour)))

    assert colour is ("\x1b[" in text)
