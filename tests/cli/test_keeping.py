"""A measurement that its disk had no room for."""

import errno
import shutil
from pathlib import Path

import pytest

from qemu_boot_time.cli.keeping import telling_what_is_kept
from qemu_boot_time.errors import HostError
from qemu_boot_time.store.facts import RunKind, RunWriter
from runs import boot_facts, run_facts

_STOCK = Path(__file__).parents[1] / "data/perf-stock/perf.data"
ELSEWHERE = "keep the run in another place with --out DIR"


@pytest.mark.parametrize(
    ("boots", "told", "hint"),
    [
        ((0,), "no boot is kept", ELSEWHERE),
        ((1,), "1 boot is kept", f"qbt show x\n{ELSEWHERE}"),
        ((3,), "3 boots are kept", f"qbt show x\n{ELSEWHERE}"),
        ((2, 1), "2 boots and 1 boot are kept", f"qbt show x\n{ELSEWHERE}"),
    ],
)
def test_a_full_disk_is_told_with_what_is_kept(
    boots: tuple[int, ...], told: str, hint: str, tmp_path: Path
) -> None:
    """The place, how many boots, and the command that shows them; a run without any goes."""
    writers = [RunWriter.begin(tmp_path / str(i), run_facts()) for i in range(len(boots))]
    for writer, count in zip(writers, boots, strict=True):
        for index in range(-1, count) if count else ():
            writer.append(boot_facts(index))

    with (
        pytest.raises(HostError) as caught,
        telling_what_is_kept(writers, "qbt show x", writers[0].discard),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")

    assert f"{tmp_path}/0: No space left on device; {told}" == caught.value.what
    assert (hint, any(boots)) == (caught.value.hint, (tmp_path / "0").exists())


def test_boots_that_others_started_are_counted_as_they_were_seen(tmp_path: Path) -> None:
    """There is no line of facts for them."""
    facts = run_facts(kind=RunKind.RECORDED, sources=("perf",))
    writer = RunWriter.begin(tmp_path / "run", facts)
    shutil.copy(_STOCK, writer.raw / "perf.data")

    with (
        pytest.raises(HostError, match="; 1 boot is kept"),
        telling_what_is_kept([writer], "qbt show x", writer.discard),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_another_trouble_stays_as_it_is(tmp_path: Path) -> None:
    """It is none of the disk's."""
    writer = RunWriter.begin(tmp_path / "run", run_facts())

    with pytest.raises(ProcessLookupError), telling_what_is_kept([writer], "", writer.discard):
        raise ProcessLookupError(errno.ESRCH, "No such process")
