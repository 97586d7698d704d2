"""The simulations of what verdicts are worth: what is drawn, the rules beside ours, the tables."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats as scipy_stats

import comparing
import describing
import peers
import simulated
import verdicts
from aims import Aim, Draws, Figure, part
from qemu_boot_time.errors import HostError
from qemu_boot_time.inputs import Options, open_input
from qemu_boot_time.model import Clock
from qemu_boot_time.stats.quantities import phase_lengths

_SHARED = Path(__file__).parents[2].parent / "shared/data"
SECTIONS = [section for each in verdicts.SECTIONS.values() for section in each]


@pytest.fixture(scope="module")
def made_up() -> dict[str, Any]:
    """Make 500 boots of each system, for those who have not the real ones."""
    rng = np.random.default_rng(1)
    names = (*simulated.SYSTEMS, simulated.INTERNAL)
    return {name: np.array(simulated.normal(rng, 500, sd=0.016)) for name in names}


def shared(name: str) -> Path:
    """Give a file that lies beside the repository; skip the test where it does not."""
    if not (_SHARED / name).exists():
        pytest.skip(f"{name} is not beside this checkout")
    return _SHARED / name


# --- what is drawn ----------------------------------------------------------------------------


def test_phases_are_those_of_the_three_boots() -> None:
    """The medians that simulated boots are made of are those of the published ones."""
    run = open_input(str(shared("three-boots.csv")), Options())

    found = phase_lengths(run.boots, Clock.TIME)

    medians = {place.name: round(np.median(list(each.values()))) for place, each in found.items()}
    del medians["total"]
    assert dict(simulated.PHASES) == medians


def test_phases_have_the_correlation_and_the_skew_that_are_said() -> None:
    """Half, between any two; as skewed as a log-normal variable of 0.5."""
    made = simulated.lengths(np.random.default_rng(2), 100_000)

    correlations = np.corrcoef(made.T)[np.triu_indices(6, 1)]
    assert [simulated.CORRELATION] * 15 == pytest.approx(correlations.tolist(), abs=0.03)
    assert 1.75 == pytest.approx(float(scipy_stats.skew(made[:, 0])), abs=0.15)
    assert np.array(list(simulated.PHASES.values())) == pytest.approx(
        np.median(made, axis=0), rel=1e-3
    )


def test_what_is_planted_is_there() -> None:
    """A slower phase, and a share of boots of a second kind."""
    second = simulated.Second("vmm", share=0.25)
    same = [np.random.default_rng(3) for _ in range(3)]

    plain = simulated.lengths(same[0], 1000)
    slower = simulated.lengths(same[1], 1000, slower={"kernel": 1.02})
    late = simulated.lengths(same[2], 1000, second=second) - plain

    assert [1.0] * 5 + [1.02] == pytest.approx((slower / plain).mean(axis=0).tolist())
    assert {0, second.extra_ns} == set(late[:, 0].tolist())
    assert 0.25 == pytest.approx((late[:, 0] > 0).mean(), abs=0.05)
    assert not late[:, 1:].any()


def test_boots_are_made_of_their_phases() -> None:
    """Reading them gives the lengths that they were made of."""
    made = simulated.lengths(np.random.default_rng(4), 5)

    found = phase_lengths(simulated.run_of(made).boots, Clock.TIME)

    by_name = {place.name: list(each.values()) for place, each in found.items()}
    assert made.sum(axis=1).tolist() == by_name.pop("total")
    assert {name: made[:, i].tolist() for i, name in enumerate(simulated.PHASES)} == by_name


def test_sides_share_no_boot() -> None:
    """The second side's take their factor longer."""
    first, second = simulated.sides(np.random.default_rng(5), np.arange(100), 40, 60, factor=10.0)

    assert (40, 60) == (len(first), len(second))
    assert list(range(100)) == sorted([*first, *(each // 10 for each in second)])


def test_no_data_is_said(tmp_path: Path) -> None:
    """Which file, and which option helps."""
    with pytest.raises(HostError, match=r"boot-serial-qemu\.dat: not there"):
        simulated.real(tmp_path)


# --- the rules of others ----------------------------------------------------------------------


def test_the_permutation_test_is_scipy_s() -> None:
    """The same p up to the luck of the deals, two-sided."""
    rng = np.random.default_rng(6)
    first, second = rng.normal(100, 8, (8, 20)), rng.normal(104, 8, (8, 20))
    moved = second.mean(axis=1) - first.mean(axis=1)

    found = peers._permuted(np.concatenate([first, second], axis=1), 20, moved)

    theirs = [
        float(
            scipy_stats.permutation_test(
                (a, b), lambda x, y, axis: y.mean(axis=axis) - x.mean(axis=axis), rng=7
            ).pvalue
        )
        for a, b in zip(first, second, strict=True)
    ]
    assert theirs == pytest.approx(found.tolist(), abs=0.02)


def test_the_five_percent_rule() -> None:
    """Both have to be so: p below 1 %, and the mean moved by more than 5 %."""
    rng = np.random.default_rng(8)
    first = rng.normal(100, 1, (4, 20))
    second = first + np.array([[4.0], [6.0], [-6.0], [0.0]])
    second[3] += rng.normal(0, 60, 20)

    assert [0, 1, -1, 0] == peers.five_percent(first, second).tolist()


def test_welch() -> None:
    """Either way, or neither."""
    first = np.random.default_rng(9).normal(100, 1, (3, 20))

    assert [1, -1, 0] == peers.welch(first, first + np.array([[3.0], [-3.0], [0.1]])).tolist()


# --- the tables -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        (Figure("a", 0.061, Aim(most=0.06)), ("a", "6.1%", "<= 6%", "miss")),
        (Figure("a", 0.06, Aim(most=0.06)), ("a", "6.0%", "<= 6%", "PASS")),
        (Figure("a", 0.949, Aim(least=0.95)), ("a", "94.9%", ">= 95%", "miss")),
        (Figure("a", 0.95, Aim(0.93, 0.97)), ("a", "95.0%", "93%-97%", "PASS")),
        (Figure("a", 0.2), ("a", "20.0%", "", "")),
        (Figure("a", "243.5", "243.5"), ("a", "243.5", "243.5", "PASS")),
        (Figure("a", "243.4", "243.5"), ("a", "243.4", "243.5", "miss")),
    ],
)
def test_a_figure_beside_its_aim(figure: Figure, expected: tuple[str, ...]) -> None:
    """What has no aim has no verdict."""
    assert expected == figure.row()
    assert ("miss" in expected) == bool(part("", [figure]).missed)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_every_table_is_made(
    section: Any, made_up: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From few draws, no line wider than 80 columns."""
    monkeypatch.setattr(describing, "_RUNS", 2)
    monkeypatch.setattr(comparing, "_SIZES", (10,))

    text = str(section(Draws(np.random.default_rng(10), 8, made_up)))

    assert max(map(len, text.splitlines())) <= 80


def test_a_section_alone_finds_the_same(
    made_up: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Its numbers are its own, whatever was drawn before."""
    both = verdicts.parts(["same", "coverage"], 5, 1, made_up)
    alone = verdicts.parts(["coverage"], 5, 1, made_up)
    other = verdicts.parts(["coverage"], 5, 2, made_up)

    assert both[1:] == alone
    assert other != alone
    assert str(alone[-1]) in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--only", "coverage,colour"], ["--draws", "0"]])
def test_what_cannot_be_drawn(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown section, no draw at all: a usage error that names the option."""
    monkeypatch.setattr("sys.argv", ["verdicts.py", *words])

    with pytest.raises(SystemExit) as left:
        verdicts.body()

    assert 2 == left.value.code
    assert words[0] in capsys.readouterr().err


# --- real boots -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real() -> Draws:
    """Draw from the real ones, 300 times."""
    shared("nsdi2020/boot-serial-qemu.dat")
    return Draws(np.random.default_rng(11), 300, simulated.real(_SHARED))


def test_published_percentiles(real: Draws) -> None:
    """Median and p99 of all five systems are those that were published."""
    assert () == describing.anchors(real).missed


def test_real_boots_raise_few_false_alarms(real: Draws) -> None:
    """Two samples of 30 of one system differ in some 5 of 100 comparisons."""
    rates = [
        real.share(
            partial(
                comparing._moves,
                partial(simulated.sides, real.rng, real.real[system], 30, 30),
            )
        )
        for system in simulated.SYSTEMS
    ]

    assert max(rates) <= 0.09


def test_the_median_of_real_boots_is_held(real: Draws) -> None:
    """By the intervals of 30 of 500, in some 96 of 100 draws."""
    found = describing.coverage(real)

    held = [float(row[1].rstrip("%")) for row in found.rows if row[0].startswith("median, ")]
    assert 92 <= min(held) <= max(held) <= 99
