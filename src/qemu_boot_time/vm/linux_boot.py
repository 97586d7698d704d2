"""How a QEMU command boots Linux directly: kernel, initrd, the kernel's command line. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from qemu_boot_time.vm.command import QemuCommand

_WORD = re.compile(r'(?:[^\s"]|"[^"]*")+')
_END_OF_PARAMETERS = "--"


@dataclass(frozen=True, slots=True)
class LinuxBoot:
    """What QEMU hands to a Linux guest."""

    initrd: str
    """A path; empty: none."""
    append: str

    @property
    def words(self) -> tuple[str, ...]:
        """The words of the command line up to ``--``; what comes after is for init alone."""
        words = _WORD.findall(self.append)
        end = words.index(_END_OF_PARAMETERS) if _END_OF_PARAMETERS in words else len(words)
        return tuple(words[:end])

    def value(self, name: str) -> str:
        """Give the last value of the parameter ``name``; empty where there is none."""
        found = (word.partition("=")[2] for word in self.words if word.startswith(f"{name}="))
        return ([*found] or [""])[-1]

    def with_words(self, more: Iterable[str]) -> str:
        """Give the command line with more parameters, which win over those that it has."""
        words = _WORD.findall(self.append)
        return " ".join((*self.words, *more, *words[len(self.words) :]))


def linux_boot(command: QemuCommand) -> LinuxBoot | None:
    """Say how a command boots Linux directly; None: its firmware boots a disk, or nobody can tell."""
    if not command.has("-kernel"):
        return None
    last = {name: ("", *command.values(name))[-1] for name in ("-initrd", "-append")}
    return LinuxBoot(last["-initrd"], last["-append"])
