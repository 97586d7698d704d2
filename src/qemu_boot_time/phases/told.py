"""What one guest told of its boot, section by section, still on its own clocks."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from qemu_boot_time.formats import kmsg, properties
from qemu_boot_time.formats.handed_out import Section
from qemu_boot_time.phases.guest_clock import Readings
from qemu_boot_time.phases.initcalls import Initcall, initcalls, traced_initcalls
from qemu_boot_time.phases.units import Manager, manager_of

_OUR_LINE = "qbt-inside: clock "
_LONGEST_NUMBER = 19
"""Digits: what fits 63 bits."""


class Calls(NamedTuple):
    """The kernel's initcalls."""

    found: tuple[Initcall, ...]
    by_tsc: bool
    """Whether their times are cycles of the TSC, from a trace, or of the log's clock."""


@dataclass(frozen=True)
class Told:
    """What came out of one guest; a guest may have lived more than once, and its last life counts."""

    sections: Sequence[Section]

    def lines(self, name: str) -> list[str]:
        """Give the lines of all sections of this name, since the guest's last reset."""
        alive = self.sections[self.reset_at :]
        return [line for section in alive if section.name == name for line in section.lines]

    @cached_property
    def all(self) -> bool:
        """Whether it had told all when it ended."""
        return any(section.name == "end" for section in self.sections[self.reset_at :])

    @cached_property
    def readings(self) -> list[Readings]:
        """The guest's readings of its clocks, the early ones and the late ones, of all its lives."""
        found: list[Readings] = []
        for section in self.sections:
            counts = _counts(section.lines)
            if section.name == "clock" and counts:
                found.append(Readings(counts[0], counts[1:]))
            elif section.name == "tsc" and found:
                found[-1] = found[-1]._replace(cycles=counts)
        return found

    @cached_property
    def reset_at(self) -> int:
        """The section where the guest's last life begins: its clock had gone back; 0: its only one."""
        begins, before_ns = 0, 0
        for at, section in enumerate(self.sections):
            taken_ns = _counts(section.lines)[1:] if section.name == "clock" else []
            if taken_ns:
                begins = at if taken_ns[0] < before_ns else begins
                before_ns = taken_ns[-1]
        return begins

    @cached_property
    def log(self) -> list[kmsg.Record]:
        """The kernel's log."""
        return list(kmsg.records(self.lines("kmsg")))

    @property
    def logged(self) -> dict[int, int]:
        """Which time the log gave our line with a reading of the clock."""
        ours = (record for record in self.log if record.text.startswith(_OUR_LINE))
        read = {record.text.removeprefix(_OUR_LINE): record.time_ns for record in ours}
        return {int(text): time_ns for text, time_ns in read.items() if _is_count(text)}

    @cached_property
    def manager(self) -> Manager:
        """When systemd was there."""
        return manager_of(next(properties.blocks(self.lines("manager")), {}))

    @cached_property
    def calls(self) -> Calls:
        """The initcalls, by the trace where there is one: its clock is the better one."""
        traced = tuple(traced_initcalls(self.lines("trace"), self.log))
        return Calls(traced or tuple(initcalls(self.log)), by_tsc=bool(traced))


def _counts(lines: Sequence[str]) -> list[int]:
    return [int(line) for line in lines if _is_count(line)]


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER
