"""How often to boot: what goes together, and what is refused."""

import pytest

from qemu_boot_time.cli.how_often import how_often
from qemu_boot_time.cli.wanted import Wanted, plan_for
from qemu_boot_time.errors import UsageError
from qemu_boot_time.model import Clock
from qemu_boot_time.stats.precision import Precision


def asked(
    boots: int | None = None,
    share: str | None = None,
    least: int | None = None,
    most: int | None = None,
) -> tuple[int | None, Precision | None]:
    """Ask for what is given, and nothing else."""
    return how_often(boots=boots, share=share, least=least, most=most)


@pytest.mark.parametrize("boots", [None, 3])
def test_a_number_alone_is_the_number(boots: int | None) -> None:
    """Where nobody says, each command has a number of its own."""
    assert (boots, None) == asked(boots)


@pytest.mark.parametrize(
    ("text", "share"), [("1%", 0.01), ("0.5 %", 0.005), (".3%", 0.003), ("100%", 1.0)]
)
def test_a_precision_is_a_share_in_percent(text: str, share: float) -> None:
    """From 20 boots to 1000."""
    assert (1000, Precision(share, least=20, most=1000)) == asked(share=text)


@pytest.mark.parametrize(
    ("least", "most", "bounds"),
    [(30, None, (30, 1000)), (None, 50, (20, 50)), (None, 8, (8, 8)), (2000, None, (2000, 2000))],
)
def test_a_bound_moves_the_one_that_is_not_given(
    least: int | None, most: int | None, bounds: tuple[int, int]
) -> None:
    """Where it is in the way."""
    boots, precision = asked(share="1%", least=least, most=most)

    assert precision is not None
    assert bounds == (precision.least, precision.most)
    assert precision.most == boots


@pytest.mark.parametrize("text", ["1", "0%", "-1%", "101%", "1%%", "", "nan%", "1e3%"])
def test_what_is_no_share_is_refused(text: str) -> None:
    """One without its sign too: 1 could be all of it."""
    with pytest.raises(UsageError, match="not a share of the median"):
        asked(share=text)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"boots": 10, "share": "1%"}, "-n and --precision: either says how often"),
        ({"least": 30}, "--min-boots goes with --precision"),
        ({"boots": 10, "most": 30}, "--max-boots goes with --precision"),
        ({"share": "1%", "least": 31, "most": 30}, "--min-boots 31 is more than --max-boots 30"),
    ],
)
def test_what_does_not_go_together_is_refused(words: dict[str, int | str], said: str) -> None:
    """Even where -n is what it would have been anyway."""
    with pytest.raises(UsageError, match=said):
        asked(**words)  # type: ignore[arg-type]  # some of each


def test_counts_are_known_at_once() -> None:
    """They are the same in each boot, so that no number of boots makes them more precise."""
    wanted = Wanted(clock=Clock.INSTRUCTIONS, precision=Precision(0.01, least=20, most=1000))

    with pytest.raises(UsageError, match="counts are the same in each boot"):
        plan_for(["qemu-system-x86_64"], wanted)
