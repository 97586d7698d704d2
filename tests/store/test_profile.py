"""The raw files of a boot whose exits were counted."""

import shutil
from dataclasses import asdict
from pathlib import Path

import pytest

from exit_guest import EXITS, counted
from qemu_boot_time.formats.perfdata import writer
from qemu_boot_time.model import Boot, Outcome
from qemu_boot_time.protocol import Names
from qemu_boot_time.sources.exits import exits_file
from qemu_boot_time.store.load import load_run
from qemu_boot_time.store.profile import read_profile

DATA = Path(__file__).parents[1] / "data"
BOOT = Boot(2, 41, Outcome.REACHED)


@pytest.mark.parametrize(
    ("run", "reason", "outside"),
    [("exits-svm", "EXIT_IOIO", "kvm_exit"), ("exits-software", "KVM_EXIT_IO", "kvm_fpu")],
)
def test_a_firmwares_exits_are_known(run: str, reason: str, outside: str) -> None:
    """Hardware's KVM and KVM in software tell of them in two ways: the counts are the same."""
    profiles = load_run(DATA / run).profiles

    assert [EXITS] * len(profiles) == [counted(asdict(profile)) for profile in profiles]
    for profile in profiles:
        serial = next(each for each in profile.counters if each.device == "serial")
        assert (reason, (0x3F8, 0x3F8)) == (serial.reason, serial.addresses)
        assert 0 < (serial.outside_ns or 0) < profile.boot.phases[-1].duration_ns
        assert outside in profile.notes[0]


def test_a_boot_without_its_recording(tmp_path: Path) -> None:
    """It says what is missing, and the run is shown."""
    profile = read_profile(tmp_path, BOOT, Names())

    (note,) = profile.notes
    assert ((), True) == (profile.counters, "boot-0002.exits.data" in note)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (writer.lost_samples_record(1, 7), "7 events were lost, so no count is exact"),
        (writer.lost_samples_record(1, 7)[:-4], "the file ends inside it"),
    ],
)
def test_no_claim_is_made_of_half_a_recording(tmp_path: Path, more: bytes, said: str) -> None:
    """A count that is not exact is none."""
    whole = DATA / "exits-software/raw/boot-0001.exits.data"
    file = exits_file(tmp_path, BOOT.index)
    shutil.copy(whole, file)
    with file.open("ab") as stream:
        stream.write(more)

    profile = read_profile(tmp_path, BOOT, Names())

    (note,) = profile.notes
    assert ((), True) == (profile.counters, said in note)
