"""What KVM's events say of a guest's exits: which events there are, and why a guest left.

Standard library only. The numbers are those of arch/x86/include/uapi/asm/svm.h (SVM_EXIT_*) and vmx.h
(EXIT_REASON_*), and of include/uapi/linux/kvm.h (KVM_EXIT_*).
"""

from collections.abc import Mapping
from typing import NamedTuple

from qemu_boot_time.sources import kvm_stock, kvm_trace

EXIT = "kvm:kvm_exit"
MMIO = "kvm:kvm_mmio"
USERSPACE_EXIT = "kvm:kvm_userspace_exit"

ISA_VMX, ISA_SVM = 1, 2
"""``isa`` of kvm_exit: whose numbers its reason is one of (KVM_ISA_VMX, KVM_ISA_SVM)."""
MMIO_READ, MMIO_WRITE = 1, 2
"""``type`` of kvm_mmio; 0 announces a read that is not answered yet, and comes again as one that is."""
EXIT_TO_IO, EXIT_TO_MMIO = 2, 6
"""``reason`` of kvm_userspace_exit: QEMU serves a port, an address (KVM_EXIT_IO, KVM_EXIT_MMIO)."""
INTERRUPTED = "EINTR"
"""A signal called QEMU's thread: the guest did nothing."""
_EINTR = 4
"""include/uapi/asm-generic/errno-base.h."""


class Told(NamedTuple):
    """What is recorded of one event, and read of it again."""

    fields: Mapping[str, int | None]
    """Name to the highest number that has a meaning; None: any has."""
    condition: str = ""
    """The kernel's filter; empty: none."""


EVENTS: Mapping[str, Told] = {
    kvm_trace.PIO: Told({"rw": 1, "port": None, "count": None, "val": None}),
    MMIO: Told({"type": MMIO_WRITE, "gpa": None}),
    kvm_stock.MSR: Told({"write": 1, "ecx": None}),
    EXIT: Told({"exit_reason": None, "isa": None}),
    kvm_trace.ENTRY: Told({}),
    USERSPACE_EXIT: Told({"reason": None, "errno": None}),
    kvm_trace.FPU: Told({"load": None}, "load==1"),
}
"""What tells of exits: all that a profile records."""

_SVM: Mapping[int, str] = {
    **{0x000 + n: f"EXIT_READ_CR{n}" for n in (0, 2, 3, 4, 8)},
    **{0x010 + n: f"EXIT_WRITE_CR{n}" for n in (0, 2, 3, 4, 8)},
    **{0x020 + n: f"EXIT_READ_DR{n}" for n in range(8)},
    **{0x030 + n: f"EXIT_WRITE_DR{n}" for n in range(8)},
    **{0x040 + n: f"EXIT_EXCP_{n}" for n in range(32)},
    0x060: "EXIT_INTR",
    0x061: "EXIT_NMI",
    0x062: "EXIT_SMI",
    0x063: "EXIT_INIT",
    0x064: "EXIT_VINTR",
    0x065: "EXIT_CR0_SEL_WRITE",
    0x06E: "EXIT_RDTSC",
    0x06F: "EXIT_RDPMC",
    0x070: "EXIT_PUSHF",
    0x071: "EXIT_POPF",
    0x072: "EXIT_CPUID",
    0x073: "EXIT_RSM",
    0x074: "EXIT_IRET",
    0x075: "EXIT_SWINT",
    0x076: "EXIT_INVD",
    0x077: "EXIT_PAUSE",
    0x078: "EXIT_HLT",
    0x079: "EXIT_INVLPG",
    0x07A: "EXIT_INVLPGA",
    0x07B: "EXIT_IOIO",
    0x07C: "EXIT_MSR",
    0x07D: "EXIT_TASK_SWITCH",
    0x07F: "EXIT_SHUTDOWN",
    0x080: "EXIT_VMRUN",
    0x081: "EXIT_VMMCALL",
    0x087: "EXIT_RDTSCP",
    0x089: "EXIT_WBINVD",
    0x08A: "EXIT_MONITOR",
    0x08B: "EXIT_MWAIT",
    0x08D: "EXIT_XSETBV",
    0x08E: "EXIT_RDPRU",
    0x0A2: "EXIT_INVPCID",
    0x0A5: "EXIT_BUS_LOCK",
    0x0A6: "EXIT_IDLE_HLT",
    0x400: "EXIT_NPF",
    0x401: "EXIT_AVIC_INCOMPLETE_IPI",
    0x402: "EXIT_AVIC_UNACCELERATED_ACCESS",
    0x403: "EXIT_VMGEXIT",
}

_VMX: Mapping[int, str] = {
    0: "EXIT_EXCEPTION_NMI",
    1: "EXIT_EXTERNAL_INTERRUPT",
    2: "EXIT_TRIPLE_FAULT",
    3: "EXIT_INIT_SIGNAL",
    4: "EXIT_SIPI_SIGNAL",
    7: "EXIT_INTERRUPT_WINDOW",
    8: "EXIT_NMI_WINDOW",
    9: "EXIT_TASK_SWITCH",
    10: "EXIT_CPUID",
    12: "EXIT_HLT",
    13: "EXIT_INVD",
    14: "EXIT_INVLPG",
    15: "EXIT_RDPMC",
    16: "EXIT_RDTSC",
    18: "EXIT_VMCALL",
    28: "EXIT_CR_ACCESS",
    29: "EXIT_DR_ACCESS",
    30: "EXIT_IO_INSTRUCTION",
    31: "EXIT_MSR_READ",
    32: "EXIT_MSR_WRITE",
    33: "EXIT_INVALID_STATE",
    36: "EXIT_MWAIT",
    37: "EXIT_MONITOR_TRAP_FLAG",
    39: "EXIT_MONITOR",
    40: "EXIT_PAUSE",
    41: "EXIT_MCE_DURING_VMENTRY",
    43: "EXIT_TPR_BELOW_THRESHOLD",
    44: "EXIT_APIC_ACCESS",
    45: "EXIT_EOI_INDUCED",
    46: "EXIT_GDTR_IDTR",
    47: "EXIT_LDTR_TR",
    48: "EXIT_EPT_VIOLATION",
    49: "EXIT_EPT_MISCONFIG",
    50: "EXIT_INVEPT",
    51: "EXIT_RDTSCP",
    52: "EXIT_PREEMPTION_TIMER",
    53: "EXIT_INVVPID",
    54: "EXIT_WBINVD",
    55: "EXIT_XSETBV",
    56: "EXIT_APIC_WRITE",
    57: "EXIT_RDRAND",
    58: "EXIT_INVPCID",
    61: "EXIT_RDSEED",
    62: "EXIT_PML_FULL",
    67: "EXIT_UMWAIT",
    68: "EXIT_TPAUSE",
    74: "EXIT_BUS_LOCK",
    75: "EXIT_NOTIFY",
}

_VMX_FLAGS = 0xFFFF
"""Above it are flags (a failed entry), not the reason."""

_USERSPACE: Mapping[int, str] = {
    0: "KVM_EXIT_UNKNOWN",
    1: "KVM_EXIT_EXCEPTION",
    2: "KVM_EXIT_IO",
    3: "KVM_EXIT_HYPERCALL",
    4: "KVM_EXIT_DEBUG",
    5: "KVM_EXIT_HLT",
    6: "KVM_EXIT_MMIO",
    7: "KVM_EXIT_IRQ_WINDOW_OPEN",
    8: "KVM_EXIT_SHUTDOWN",
    9: "KVM_EXIT_FAIL_ENTRY",
    10: "KVM_EXIT_INTR",
    11: "KVM_EXIT_SET_TPR",
    12: "KVM_EXIT_TPR_ACCESS",
    16: "KVM_EXIT_NMI",
    17: "KVM_EXIT_INTERNAL_ERROR",
    24: "KVM_EXIT_SYSTEM_EVENT",
    26: "KVM_EXIT_IOAPIC_EOI",
    27: "KVM_EXIT_HYPERV",
    29: "KVM_EXIT_X86_RDMSR",
    30: "KVM_EXIT_X86_WRMSR",
    31: "KVM_EXIT_DIRTY_RING_FULL",
    33: "KVM_EXIT_X86_BUS_LOCK",
    39: "KVM_EXIT_MEMORY_FAULT",
}


def exit_reason(isa: int, number: int) -> str:
    """Name the reason of a kvm_exit; a number that is not known is shown as it is."""
    if isa == ISA_VMX:
        number &= _VMX_FLAGS
    names = _VMX if isa == ISA_VMX else _SVM
    return names.get(number, f"EXIT_{number & 0xFFFFFFFF:#x}")


def userspace_reason(number: int, errno: int) -> str:
    """Name the reason of a kvm_userspace_exit; where KVM failed, that is its error's number."""
    if errno < 0:
        return INTERRUPTED if errno == -_EINTR else f"error {errno}"
    return _USERSPACE.get(number, f"KVM_EXIT_{number}")
