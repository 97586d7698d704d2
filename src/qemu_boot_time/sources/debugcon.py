"""Port writes through two isa-debugcon devices and UDP: any accelerator, no rights needed.

QEMU sends each byte as a datagram over the loopback; the kernel stamps it when it arrives
(SO_TIMESTAMPNS, CLOCK_REALTIME): 3 us after the write in the median for marks in close order, and
some tens of us for marks further apart (docs/benchmarks.md). One socket a port tells the ports apart; the stamps order them.
"""

import contextlib
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from io import BufferedWriter
from pathlib import Path

import msgspec

from qemu_boot_time.errors import HostError, UsageError
from qemu_boot_time.host import Probe
from qemu_boot_time.model import Event, EventKind
from qemu_boot_time.process import Guard
from qemu_boot_time.protocol import PORTS
from qemu_boot_time.sources.base import Arm, Needs, Source
from qemu_boot_time.sources.clocks import clock_pair
from qemu_boot_time.sources.jsonl import records
from qemu_boot_time.vm.command import QemuCommand, taken_ports

NAME = "debugcon"
ERROR_NS = 45_000
"""The 95th percentile of the stamp's delay against the kvm_pio tracepoint (docs/sources.md)."""

_RAW_FILE = "debugcon.jsonl"
_SO_TIMESTAMPNS = 35
_SO_RXQ_OVFL = 40
_TIMESPEC = struct.Struct("qq")
_U32 = struct.Struct("I")
_BUFFER_BYTES = 1 << 20
_STAMP_TRIES = 200
_STAMP_PAUSE_S = 0.001
_CLOCK_SLACK_NS = 100_000
_SLEW_LIMIT = 500e-6  # the most that NTP slews a clock (adjtimex(2))


class _Datagram(msgspec.Struct, tag="write", tag_field="type"):
    """One byte that the guest wrote."""

    boot: int
    port: int
    value: int
    realtime_ns: int


class _Clock(msgspec.Struct, tag="clock", tag_field="type"):
    """Both clocks at one moment: at the beginning and at the end of each boot."""

    boot: int
    realtime_ns: int
    monotonic_ns: int


class _Dropped(msgspec.Struct, tag="dropped", tag_field="type"):
    """Datagrams that the kernel had no room for."""

    boot: int
    realtime_ns: int
    count: int


_Line = _Datagram | _Clock | _Dropped
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(_Line)


class DebugconSession:
    """Two bound sockets, and the raw file that keeps what arrives."""

    def __init__(self, raw: Path) -> None:
        self._raw: BufferedWriter = (raw / _RAW_FILE).open("ab")
        self._sockets = {port: _stamping_socket() for port in PORTS}
        _await_stamps(self._sockets[PORTS[0]])
        self._boot = -1
        self._offset_ns = 0
        self._dropped = dict.fromkeys(PORTS, 0)

    def arguments(self) -> tuple[str, ...]:
        """Give a chardev and a device for each of the two ports."""
        words: list[str] = []
        for port, sock in self._sockets.items():
            name, (host, number) = f"qbt-{port:x}", sock.getsockname()
            words += ["-chardev", f"udp,id={name},host={host},port={number}"]
            words += ["-device", f"isa-debugcon,iobase={port:#x},chardev={name}"]
        return tuple(words)

    def before_exec(self) -> None:
        """Need nothing of the process."""

    def begin(self, boot: int) -> None:
        """Forget what a boot before this one left in the sockets; compare the clocks."""
        for port in self._sockets:
            list(self._receive(port))
        self._boot = boot
        self._compare_clocks()

    def stdout(self) -> None:
        """Leave QEMU's standard output alone."""

    def readers(self) -> Mapping[int, Callable[[], Iterable[Event]]]:
        """Give the two sockets."""
        return {sock.fileno(): partial(self._receive, port) for port, sock in self._sockets.items()}

    def end(self, boot: int) -> Iterable[Event]:
        """Take what is still in the sockets; compare the clocks again."""
        del boot
        last = [event for port in self._sockets for event in self._receive(port)]
        self._compare_clocks()
        self._raw.flush()
        return last

    def close(self) -> None:
        """Close the sockets and the raw file."""
        for sock in self._sockets.values():
            sock.close()
        self._raw.close()

    def _compare_clocks(self) -> None:
        monotonic_ns, realtime_ns = clock_pair()
        self._offset_ns = monotonic_ns - realtime_ns
        self._write(_Clock(self._boot, realtime_ns, monotonic_ns))

    def _receive(self, port: int) -> Iterator[Event]:
        while True:
            try:
                data, control, _, _ = self._sockets[port].recvmsg(16, 64)
            except BlockingIOError:
                return
            stamp_ns, dropped = _control_data(control)
            if dropped > self._dropped[port]:
                count = dropped - self._dropped[port]
                self._write(_Dropped(self._boot, stamp_ns, count))
                self._dropped[port] = dropped
            for value in data:
                line = _Datagram(self._boot, port, value, stamp_ns)
                self._write(line)
                yield _write_event(line, self._offset_ns)

    def _write(self, line: _Line) -> None:
        if self._boot >= 0:
            self._raw.write(_ENCODER.encode(line) + b"\n")


def _stamping_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    sock.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(0)
    return sock


def _await_stamps(sock: socket.socket) -> None:
    """Wait until the kernel stamps what arrives.

    It begins a moment after it was asked to, for a socket that is the first on the host
    (net_enable_timestamp(), net/core/dev.c, works through a queue); until then the stamp is made
    when the datagram is read.
    """
    for _ in range(_STAMP_TRIES):
        sock.sendto(b"?", sock.getsockname())
        time.sleep(_STAMP_PAUSE_S)
        before_reading_ns = time.time_ns()
        _, control, _, _ = sock.recvmsg(16, 64)
        if _control_data(control)[0] < before_reading_ns:
            return
    raise HostError("this kernel stamps no datagrams", hint="--source perf_event, with KVM")


def _control_data(control: Iterable[tuple[int, int, bytes]]) -> tuple[int, int]:
    stamp_ns, dropped = time.time_ns(), 0
    for level, kind, data in control:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack(data[: _TIMESPEC.size])
            stamp_ns = seconds * 10**9 + nanoseconds
        elif level == socket.SOL_SOCKET and kind == _SO_RXQ_OVFL:
            (dropped,) = _U32.unpack(data[: _U32.size])
    return stamp_ns, dropped


def _write_event(line: _Datagram, offset_ns: int) -> Event:
    fields: dict[str, int | str] = {
        "port": line.port,
        "value": line.value,
        "event": "isa-debugcon",
        "error_ns": ERROR_NS,
    }
    return Event(line.realtime_ns + offset_ns, NAME, EventKind.PORT_WRITE, line.boot, fields)


@contextlib.contextmanager
def arm(request: Arm, guard: Guard) -> Iterator[DebugconSession]:
    """Open the sockets for one run."""
    del guard  # sockets end with the process
    with contextlib.closing(DebugconSession(request.raw)) as session:
        yield session


def read(request: Arm) -> Iterator[Event]:
    """Read ``debugcon.jsonl`` again; ``vm`` is the boot's index.

    Stamps are moved to CLOCK_MONOTONIC by the offset sampled when the boot began. Where the clock
    was set meanwhile a CLOCK_STEP event says so. Raises InputError where the file is missing,
    CorruptFileError where it is damaged.
    """
    offsets: dict[int, int] = {}
    begins: dict[int, _Clock] = {}
    for line in records(request.raw / _RAW_FILE, _DECODER):
        match line:
            case _Clock():
                yield from _stepped(line, begins.get(line.boot))
                begins.setdefault(line.boot, line)
                offsets.setdefault(line.boot, line.monotonic_ns - line.realtime_ns)
            case _Datagram():
                yield _write_event(line, offsets.get(line.boot, 0))
            case _Dropped():
                time_ns = line.realtime_ns + offsets.get(line.boot, 0)
                yield Event(time_ns, NAME, EventKind.LOST, line.boot, {"count": line.count})


def _stepped(end: _Clock, begin: _Clock | None) -> Iterator[Event]:
    """Say that CLOCK_REALTIME was set between two comparisons, if it moved more than NTP slews."""
    if begin is None:
        return
    elapsed_ns = end.monotonic_ns - begin.monotonic_ns
    moved_ns = abs(end.realtime_ns - begin.realtime_ns - elapsed_ns)
    if moved_ns > _CLOCK_SLACK_NS + _SLEW_LIMIT * elapsed_ns:
        fields = {"moved_ns": moved_ns}
        yield Event(end.monotonic_ns, NAME, EventKind.CLOCK_STEP, end.boot, fields)


def probe() -> Probe:
    """Say whether datagrams on the loopback get a kernel stamp here."""
    try:
        sock = _stamping_socket()
    except OSError as error:
        return Probe(ok=False, what=f"no UDP socket with receive stamps: {error}")
    sock.close()
    return Probe(ok=True, what="UDP with kernel receive stamps")


def caveats(command: QemuCommand) -> tuple[str, ...]:
    """Have none. Raises UsageError where the command has a device of its own on a port of ours."""
    taken = taken_ports(command)
    if taken:
        raise UsageError(
            f"the command has a device of its own on port {taken[0]:#x}",
            hint="move that device (iobase=0x501 is free), or add -accel kvm: other sources need no port",
        )
    return ()


SOURCE = Source(
    name=NAME,
    sees="port writes on any accelerator, through isa-debugcon; stamps some tens of us late",
    needs=Needs.NOTHING,
    probe=probe,
    arm=arm,
    read=read,
    by_index=True,
    caveats=caveats,
)
