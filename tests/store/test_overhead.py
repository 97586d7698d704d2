"""Which two runs say what watching costs, and what their boots took."""

from pathlib import Path

import pytest

from qemu_boot_time.model import EndedBy
from qemu_boot_time.stats.overhead import Taken
from qemu_boot_time.store.facts import Interleaved
from qemu_boot_time.store.load import load_run
from qemu_boot_time.store.overhead import taken, twins, watchers
from runs import boot_facts, make_run

_A, _B = (Interleaved(seed=1, side=side, other=other) for side, other in ("ab", "ba"))


def test_either_run_knows_the_other(tmp_path: Path) -> None:
    """The one that nobody watched comes first."""
    alone = make_run(tmp_path / "a", sources=(), interleaved=_A)
    watched = make_run(tmp_path / "b", interleaved=_B)

    assert [(alone, watched)] * 2 == [twins(alone), twins(watched)]


@pytest.mark.parametrize(
    ("sources", "command"),
    [(("debugcon",), ("qemu-system-x86_64", "-accel", "kvm")), ((), ("another",))],
)
def test_two_runs_that_are_compared_say_nothing_of_it(
    tmp_path: Path, sources: tuple[str, ...], command: tuple[str, ...]
) -> None:
    """Both were watched, or they are of two commands."""
    make_run(tmp_path / "a", sources=sources, command=command, interleaved=_A)
    watched = make_run(tmp_path / "b", interleaved=_B)

    assert twins(watched) is None


@pytest.mark.parametrize("interleaved", [None, _B])
def test_a_run_without_its_other_is_alone(tmp_path: Path, interleaved: Interleaved | None) -> None:
    """It was measured by itself, or the other is gone."""
    assert twins(make_run(tmp_path / "b", interleaved=interleaved)) is None


def test_what_ran_beside_watched(tmp_path: Path) -> None:
    """A command is no source, and has watched all the same; it is named as it was typed."""
    alone = make_run(tmp_path / "a", sources=(), interleaved=_A)
    beside = ("perf", "record", "-e", "kvm:kvm_pio", "-o", "a b")
    watched = make_run(tmp_path / "b", sources=(), beside=beside, interleaved=_B)

    assert (alone, watched) == twins(alone)
    assert [(), ("perf record -e kvm:kvm_pio -o 'a b'",)] == [watchers(alone), watchers(watched)]


def test_sources_are_known_by_their_names(tmp_path: Path) -> None:
    """As in the table of the run."""
    assert ("debugcon",) == watchers(make_run(tmp_path / "b", interleaved=_B))


def test_what_boots_took(tmp_path: Path) -> None:
    """From the exec to the end, half a second here; neither warm-ups nor failures count."""
    boots = [
        boot_facts(-1, cpu_ns=1),
        boot_facts(0, cpu_ns=300_000_000),
        boot_facts(1, ended_by=EndedBy.TIMEOUT, cpu_ns=2),
        boot_facts(2),
    ]
    run = load_run(make_run(tmp_path / "run", boots, sources=()))

    assert [Taken(500_000_000, 300_000_000), Taken(500_000_000, None)] == taken(run)
