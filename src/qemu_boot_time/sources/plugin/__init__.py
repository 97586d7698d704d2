"""A TCG plugin of ours: any place of an unchanged guest, with host time and instructions counted.

The plugin (plugin.c) is told addresses and tells when each is first run. It needs no symbols in the
guest and no patch: firmware and set-up code are at fixed addresses, Linux's functions are found in
the kernel that the command boots, and KASLR's slide where the first of them runs.
"""

import contextlib
import select
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from qemu_boot_time.errors import HostError, UsageError
from qemu_boot_time.host import Probe
from qemu_boot_time.host.files import sockets_directory
from qemu_boot_time.model import Clock, Event
from qemu_boot_time.process import Guard
from qemu_boot_time.sources.base import Arm, Needs, Source
from qemu_boot_time.sources.plugin import raw
from qemu_boot_time.sources.plugin.compiled import find_compiler, library
from qemu_boot_time.sources.plugin.guest_kernel import find_kernel
from qemu_boot_time.sources.plugin.places import Plan, plan
from qemu_boot_time.sources.plugin.raw import NAME
from qemu_boot_time.vm.command import QemuCommand, escaped, vcpus

_QEMU = "qemu-system-x86_64"
"""Which QEMU to try the plugin with where a script hides the real one."""
_EPOCH = "2024-01-01T00:00:00"
"""What the guest's clock shows at its start where every boot must be the same: any fixed moment."""
_ICOUNT = ("-icount", "shift=0,sleep=off", "-rtc", f"base={_EPOCH},clock=vm")
_CHUNK_BYTES = 1 << 16


class PluginSession:
    """A socket that QEMU's plugin connects to, and the raw file that keeps what it tells."""

    def __init__(self, request: Arm, sockets: Path, built: Path, places: Plan, note: str) -> None:
        counts = _counts(request)
        self._words = _arguments(built, sockets / "plugin", places, request.clock, counts=counts)
        looked = raw.Looked(places.places, counts, note)
        self._meaning = raw.Meaning(looked)
        self._file = (request.raw / raw.RAW_FILE).open("ab")
        self._file.write(raw.ENCODER.encode(looked) + b"\n")
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self._listener.bind(str(sockets / "plugin"))
        self._listener.listen(1)
        self._listener.settimeout(0)
        self._poll = select.epoll()
        self._poll.register(self._listener, select.EPOLLIN)
        self._connection: socket.socket | None = None
        self._rest = b""
        self._boot = -1

    def arguments(self) -> tuple[str, ...]:
        """Give the plugin and what it looks for; QEMU's own counting where that is the clock."""
        return self._words

    def before_exec(self) -> None:
        """Need nothing of the process."""

    def begin(self, boot: int) -> None:
        """Be ready for the next QEMU's plugin."""
        self._hang_up()
        self._boot = boot

    def stdout(self) -> None:
        """Read none of QEMU's output."""

    def readers(self) -> Mapping[int, Callable[[], Iterable[Event]]]:
        """Give one descriptor: for the connection to come, and for what comes through it."""
        return {self._poll.fileno(): self._read}

    def end(self, boot: int) -> Iterable[Event]:
        """Take what is still on its way."""
        del boot
        last = list(self._read())
        self._hang_up()
        self._file.flush()
        return last

    def close(self) -> None:
        """Close the sockets and the raw file."""
        self._hang_up()
        self._poll.close()
        self._listener.close()
        self._file.close()

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        self._rest = b""
        if connection is not None:
            connection.close()  # epoll forgets it by itself

    def _read(self) -> Iterator[Event]:
        connection = self._connection or self._accept()
        while connection is not None:
            try:
                chunk = connection.recv(_CHUNK_BYTES)
            except BlockingIOError:
                return
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                self._hang_up()
                return
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            for line in lines:
                yield from self._line(line)

    def _accept(self) -> socket.socket | None:
        try:
            self._connection, _ = self._listener.accept()
        except BlockingIOError:
            return None
        self._connection.settimeout(0)
        self._poll.register(self._connection, select.EPOLLIN)
        return self._connection

    def _line(self, line: bytes) -> Iterator[Event]:
        passed = raw.parse(line, self._boot)
        if passed is None:
            return
        if self._boot >= 0:
            self._file.write(raw.ENCODER.encode(passed) + b"\n")
        yield from self._meaning.of(passed)


def _arguments(
    built: Path, path: Path, places: Plan, clock: Clock, *, counts: bool
) -> tuple[str, ...]:
    words = (
        f"file={escaped(built)}",
        f"socket={escaped(path)}",
        *(("count=on",) if counts else ()),
        *places.arguments(),
    )
    return (*(_ICOUNT if clock is Clock.INSTRUCTIONS else ()), "-plugin", ",".join(words))


def _counts(request: Arm) -> bool:
    return request.clock is Clock.INSTRUCTIONS or request.asked.counted


@contextlib.contextmanager
def arm(request: Arm, guard: Guard) -> Iterator[PluginSession]:
    """Compile the plugin, look the guest's kernel up, and listen.

    Raises HostError where QEMU takes no plugin or nothing can compile it, UsageError where the
    command cannot be counted or has not what a probe asks for, InputError for a kernel or symbols
    that cannot be read.
    """
    command = request.command
    if command is None:
        raise UsageError(f"--source {NAME} sees no VM that somebody else starts", hint="qbt run")
    if _counts(request):
        _require_countable(command, request.clock)
    kernel = find_kernel(command, request.asked.symbols)
    places = plan(
        kernel.symbols, request.asked.probes, bzimage=kernel.is_bzimage, pvh=kernel.is_pvh
    )
    with contextlib.ExitStack() as stack:
        sockets = Path(stack.enter_context(sockets_directory()))
        guard.watch("remove", str(sockets))
        stack.callback(guard.release, "remove", str(sockets))
        built = library(_qemu_of(command))
        yield stack.enter_context(
            contextlib.closing(PluginSession(request, sockets, built, places, kernel.note))
        )


def _require_countable(command: QemuCommand, clock: Clock) -> None:
    """Raise UsageError where the command has several vCPUs, or a clock of its own."""
    if vcpus(command) > 1:
        raise UsageError(
            f"instructions of one vCPU are counted, and the guest has {vcpus(command)}",
            hint="-smp 1, or no -smp",
        )
    for option in ("-icount", "-rtc") if clock is Clock.INSTRUCTIONS else ():
        if command.has(option):
            raise UsageError(
                f"--clock instructions sets {option} itself",
                hint=f"leave {option} out of the command",
            )


def read(request: Arm) -> Iterator[Event]:
    """Read ``plugin.jsonl`` again; ``vm`` is the boot's index."""
    yield from raw.events(request.raw)


def remarks(request: Arm) -> tuple[str, ...]:
    """Say what of the guest's kernel could not be seen."""
    return raw.notes(request.raw)


def probe() -> Probe:
    """Say whether the plugin can be made here; whether a QEMU takes it, :func:`caveats` finds out."""
    try:
        return Probe(ok=True, what=f"made by {find_compiler()}")
    except HostError as error:
        return Probe(ok=False, what=error.what, remedy=error.hint)


def caveats(command: QemuCommand) -> tuple[str, ...]:
    """Have none. Raises HostError where this very QEMU takes no plugin."""
    library(_qemu_of(command))
    return ()


def _qemu_of(command: QemuCommand) -> str:
    return command.program if command.at is not None else _QEMU


SOURCE = Source(
    name=NAME,
    sees="any place of an unchanged guest under TCG, with its instructions counted",
    needs=Needs.TCG,
    probe=probe,
    arm=arm,
    read=read,
    by_index=True,
    sees_port_writes=False,
    caveats=caveats,
    remarks=remarks,
)
