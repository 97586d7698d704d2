"""``qbt run --profile`` where ``kvm_exit`` and ``kvm_entry`` fire: hardware's exits, each once."""

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import exit_guest
import kvmbox
from exit_guest import EXITS, counted
from qbt_process import tiny_qemu

pytestmark = [pytest.mark.real, pytest.mark.kvmbox]

_QEMU = shlex.join((*tiny_qemu(Path("/in/exits.bin"), accelerator="kvm"), *exit_guest.DEVICES))
_MEASURE = f"qbt run -n 1 --profile-boots 2 --json --out /out/run -- {_QEMU} > /out/run.json"


@pytest.fixture(scope="module")
def profile(
    box_site: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Any]]:
    """Give the profile that a real KVM host makes of the firmware."""
    firmware = tmp_path_factory.mktemp("exits") / "exits.bin"
    firmware.write_bytes(exit_guest.image())
    with kvmbox.prepared() as box:
        result = box.run(_MEASURE, {firmware.name: firmware, "site": box_site})
        assert result.exit_status == 0, result.console
        document: dict[str, Any] = json.loads((result.out / "run.json").read_text())
        yield document["profile"]


def test_every_exit_is_counted_once(profile: Mapping[str, Any]) -> None:
    """In its phase, with the name of its device, as on a host without kvm_exit."""
    assert [EXITS, EXITS] == [counted(boot) for boot in profile["boots"]]
