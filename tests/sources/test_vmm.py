"""Which programs are virtual machines, by the files that are executed."""

import pytest

from qemu_boot_time.sources.vmm import Vmm


@pytest.mark.parametrize(
    "filename",
    ["/usr/bin/qemu-system-x86_64", "./qemu-system-i386", "/usr/libexec/qemu-kvm", "/usr/bin/kvm"],
)
def test_qemu_is_known_by_its_file(filename: str) -> None:
    """All names that distributions give it."""
    assert Vmm().runs(filename)


@pytest.mark.parametrize("filename", ["/usr/bin/qemu-img", "/bin/sh", "/opt/kvm/start", ""])
def test_other_programs_are_no_vm(filename: str) -> None:
    """Its tools are none, nor is what only lies beside it."""
    assert not Vmm().runs(filename)
