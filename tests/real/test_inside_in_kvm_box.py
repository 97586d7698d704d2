"""A stock kernel looked into under real KVM, in the box: the kernel's own stamps tie the clocks."""

import json
from pathlib import Path

import pytest

import kvmbox
import systemd_guest
from qemu_boot_time.guest import init, initramfs

pytestmark = [pytest.mark.real, pytest.mark.kvmbox]

_DEADLINE_S = 300
_KERNEL_WORDS = " ".join(("quiet", "panic=-1", *init.parameters(mark=7, end=init.End.REBOOT)))
_LOOK = f"""
qbt run -n 1 --source perf_event --timeout 200 --until linux_start_user --inside initcalls --json -- \\
  qemu-system-x86_64 -accel kvm -M q35 -m 256 -nodefaults -display none -no-reboot \\
  -kernel /in/vmlinuz -initrd /in/initramfs -append "{_KERNEL_WORDS}" > /out/run.json
"""


def test_initcalls_under_kvm(tmp_path: Path) -> None:
    """Tied within a millisecond by kvm_pio, seen through perf_event; ours is the last of two inits."""
    archive = tmp_path / "initramfs"
    archive.write_bytes(initramfs.build())
    with kvmbox.prepared() as box:
        guest = systemd_guest.given()
        site = kvmbox.site(tmp_path)
        files = {"vmlinuz": guest.kernel, "initramfs": archive, "site": site}
        result = box.run(_LOOK, files, deadline_s=_DEADLINE_S)
        if result.exit_status is None:  # nested guests lock up now and then (docs/kvm-box.md)
            result = box.run(_LOOK, files, deadline_s=_DEADLINE_S)
        assert result.exit_status == 0, result.console
        document = json.loads((result.out / "run.json").read_text())

    (inside,) = document["inside"]
    calls = {span["name"]: span for span in inside["spans"] if span["source"] == "initcall_debug"}
    (user,) = [m for m in inside["boot"]["marks"] if m["name"] == "linux_start_user"]
    assert inside["alignment"]["error_ns"] <= 1_000_000
    assert calls["inet_init"]["end_ns"] <= calls["inet6_init"]["begin_ns"] < user["time_ns"]
    assert ("perf_event", "kvm") == (user["source"], document["run"]["accelerator"])
