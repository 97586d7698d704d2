"""Linux kernels for x86: bzImage and vmlinux, and the addresses of their code (docs/kernel-images.md)."""

from qemu_boot_time.formats.kernel.header import BootHeader, read_header
from qemu_boot_time.formats.kernel.image import symbols_of, vmlinux_of
from qemu_boot_time.formats.kernel.symbols import Symbols

__all__ = ["BootHeader", "Symbols", "read_header", "symbols_of", "vmlinux_of"]
