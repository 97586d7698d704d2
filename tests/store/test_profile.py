"""The raw files of a boot whose exits were counted."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from exit_guest import EXITS, counted
from qemu_boot_time.formats.perfdata import writer
from qemu_boot_time.formats.perfdata.columns import read_columns
from qemu_boot_time.model import Boot, Outcome
from qemu_boot_time.protocol import Names
from qemu_boot_time.sources.exits import exits_file
from qemu_boot_time.sources.exits.stream import FIELDS
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


def changed(name: str, offset: int, new: bytes, tmp_path: Path) -> None:
    """Copy the raw files of a real boot, and damage one of them."""
    for each in ("exits.data", "mtree"):
        shutil.copy(DATA / f"exits-software/raw/boot-0001.{each}", tmp_path / f"boot-0002.{each}")
    file = tmp_path / f"boot-0002.{name}"
    data = bytearray(file.read_bytes())
    data[offset : offset + len(new)] = new
    file.write_bytes(data)


def first_sample(event: str) -> int:
    """Say where the first sample of an event of the recording lies."""
    table = read_columns(DATA / "exits-software/raw/boot-0001.exits.data", FIELDS)
    return int(table.events[event].at[0])


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ("kvm:kvm_pio", "rw is 4294967295"),
        ("kvm:kvm_mmio", "type is 4294967295"),
        ("kvm:kvm_msr", "write is 4294967295"),
    ],
)
def test_a_number_that_means_nothing(tmp_path: Path, event: str, said: str) -> None:
    """It is damage like any other: the file and the place are told, and no count is given."""
    common_bytes, head_bytes = 8, 44
    changed("exits.data", first_sample(event) + head_bytes + common_bytes, b"\xff" * 4, tmp_path)

    profile = read_profile(tmp_path, replace(BOOT, pid=1), Names())

    (note,) = profile.notes
    assert ((), True, True) == (profile.counters, "boot-0002.exits.data: " in note, said in note)


def test_a_format_without_the_fields_that_are_needed(tmp_path: Path) -> None:
    """The recording describes its events itself, and may lie."""
    data = (DATA / "exits-software/raw/boot-0001.exits.data").read_bytes()
    changed("exits.data", data.index(b"unsigned int port;") + 13, b"pork", tmp_path)

    profile = read_profile(tmp_path, BOOT, Names())

    assert ((), True) == (profile.counters, "no number port" in profile.notes[0])


def test_every_byte_may_be_anything(tmp_path: Path) -> None:
    """Whatever is overwritten, there is a profile, if only with a note."""
    boot = replace(load_run(DATA / "exits-software").profiles[0].boot, index=BOOT.index)
    sizes = {"exits.data": 28_000, "mtree": 20_000}
    for name, size in sizes.items():
        for offset in range(0, size, size // 80 | 1):
            for new in (b"\xff" * 8, b"\0" * 8):
                changed(name, offset, new, tmp_path)

                profile = read_profile(tmp_path, boot, Names())

                assert profile.notes


def test_a_time_that_no_clock_shows(tmp_path: Path) -> None:
    """Of a map: more than 64 bits."""
    changed("mtree", 0, b"", tmp_path)
    (tmp_path / "boot-0002.mtree").write_text(
        json.dumps({"asked_ns": 10**22, "answered_ns": 1, "text": ""}) + "\n"
    )

    profile = read_profile(tmp_path, BOOT, Names())

    assert "boot-0002.mtree: line at byte 0" in profile.notes[0]
