"""Which programs are virtual machines. Standard library only: perf's own Python imports this."""

from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase

_PATTERNS = ("qemu-system-*", "qemu-kvm", "kvm")
_COMM_LENGTH = 15


@dataclass(frozen=True, slots=True)
class Vmm:
    """Which programs are virtual machines."""

    patterns: tuple[str, ...] = _PATTERNS
    """Of the base name of the executed file, as :mod:`fnmatch` has them."""

    def runs(self, filename: str) -> bool:
        """Whether executing this file starts a VM."""
        name = filename.rpartition("/")[2]
        return any(fnmatchcase(name, pattern) for pattern in self.patterns)

    def exec_filter(self) -> str:
        """Give the kernel's filter of ``sched_process_exec`` for these: a little looser.

        Its ``~`` is a glob (Documentation/trace/events.rst, "Filter rules").
        """
        return "||".join(f'filename ~ "*{pattern}"' for pattern in self.patterns)

    def fork_filter(self) -> str:
        """Give the kernel's filter of ``sched_process_fork`` for threads and children of these."""
        return "||".join(f'parent_comm ~ "{pattern[:_COMM_LENGTH]}"' for pattern in self.patterns)

    def is_called(self, comm: str) -> bool:
        """Whether a process name, cut to 15 bytes by the kernel, may be one of them."""
        return any(fnmatchcase(comm, pattern[:_COMM_LENGTH]) for pattern in self.patterns)


def left_out(unclaimed: Counter[str]) -> str:
    """Say whose marks are left out; empty: nobody's."""
    names = ", ".join(f"{name} ({n})" for name, n in unclaimed.most_common(3))
    return names and f"marks of processes that are no known VM left out: {names}; see --comm"
