"""QEMU's memory maps, asked for while a guest runs: firmware moves devices."""

import time
from pathlib import Path
from typing import Any

import msgspec

from qemu_boot_time.model import Event, EventKind
from qemu_boot_time.protocol import POWER_OFF
from qemu_boot_time.sources.exits import MAP_COMMAND, MapRecord
from qemu_boot_time.vm.qmp import Qmp

_MONITOR = "human-monitor-command"
_TELLING = {EventKind.PORT_WRITE, EventKind.PASSED}
_OVERDUE_S = 10
NO_ANSWER = f"QEMU's monitor did not answer for {_OVERDUE_S} s when it was asked for a memory map"
"""Why a boot was ended whose map is overdue."""


class Mapper:
    """Asks for a map where something tells that the boot has gone on; keeps each answer at once."""

    def __init__(self, file: Path, *, paused: bool) -> None:
        """``paused``: whether it is we who have QEMU wait before its guest's first instruction."""
        self.paused = paused
        self._file = file
        self._asked_ns = 0
        """When the map that is to come was asked for; 0: none is."""
        self._seen: set[tuple[object, ...]] = set()

    @property
    def is_overdue(self) -> bool:
        """Whether QEMU will never answer: 7.2 waits for ever if its guest ends while it is asked."""
        waits_ns = time.monotonic_ns() - self._asked_ns
        return bool(self._asked_ns) and waits_ns > _OVERDUE_S * 10**9

    def ask(self, qmp: Qmp) -> None:
        """Ask for a map, unless one is to come."""
        if qmp.connected and not self._asked_ns:
            self._asked_ns = time.monotonic_ns()
            qmp.execute(_MONITOR, command_line=MAP_COMMAND)

    def saw(self, event: Event, qmp: Qmp) -> None:
        """Ask for one where a mark comes for the first time, unless it is the guest's last."""
        mark = tuple(event.fields.get(name) for name in ("name", "port", "value"))
        if event.kind in _TELLING and mark[0] != POWER_OFF and mark not in self._seen:
            self._seen.add(mark)
            self.ask(qmp)

    def heard(self, message: dict[str, Any]) -> None:
        """Keep an answer."""
        if message.get("id") != _MONITOR:
            return
        text = message.get("return")
        if isinstance(text, str):
            record = MapRecord(self._asked_ns, time.monotonic_ns(), text)
            with self._file.open("ab") as stream:
                stream.write(msgspec.json.encode(record) + b"\n")
        self._asked_ns = 0
