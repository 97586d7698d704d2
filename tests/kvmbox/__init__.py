"""A real KVM host in a box: Debian under TCG with emulated SVM (docs/kvm-box.md).

Inside, ``kvm_entry`` and ``kvm_exit`` fire, perf and trace-cmd record without limits, and nested
QEMU with ``-accel kvm`` boots Linux to user space, whatever the host outside can do.
"""

from kvmbox.box import Box, BoxResult, prepared
from kvmbox.wheels import site

__all__ = ["Box", "BoxResult", "prepared", "site"]
