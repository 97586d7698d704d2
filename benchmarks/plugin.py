"""What the plugin costs a guest under TCG: no plugin, an idle one, its hooks, and counting.

The guest is the distribution's own kernel and our init, which ends QEMU through isa-debug-exit: from
QEMU's execve to its end. Each round boots once each way, in another order; the ratios are of pairs
from one round. A plugin that looks for nothing shows what QEMU takes for having one. With ``--clock instructions`` QEMU itself counts too (-icount): that is another way
of running a guest, so its row says what the whole costs.
"""

import contextlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import guests
from common import (
    arguments,
    host_line,
    in_turn,
    main,
    median_interval,
    progress,
    ratios,
    rounds_of,
    scratch,
    table,
)
from observer import watched_boot
from qemu_boot_time import process
from qemu_boot_time.model import Clock
from qemu_boot_time.sources import plugin
from qemu_boot_time.sources.base import Arm, Asked, Session
from qemu_boot_time.sources.plugin.compiled import library
from qemu_boot_time.vm.command import escaped, parse
from recorders import NONE, Recorder, Timed, nobody

NO_PLACE = "looks for nothing"
_NS_PER_MS = 1_000_000


@contextlib.contextmanager
def _plugin(
    directory: Path, *, argv: tuple[str, ...], counted: bool, clock: Clock
) -> Iterator[Session]:
    request = Arm(directory, command=parse(argv), asked=Asked(counted=counted), clock=clock)
    with process.Guard() as guard, plugin.arm(request, guard) as session:
        yield session


def ways(argv: tuple[str, ...]) -> dict[str, Recorder]:
    """Give the ways to run this guest, by name; a plugin that looks for nothing has no recorder."""
    plugged = partial(_plugin, argv=argv)
    return {
        NONE: nobody,
        NO_PLACE: nobody,
        "hooks": partial(plugged, counted=False, clock=Clock.TIME),
        "--count": partial(plugged, counted=True, clock=Clock.TIME),
        "--clock instructions": partial(plugged, counted=True, clock=Clock.INSTRUCTIONS),
    }


def body() -> None:
    """Measure and print."""
    rounds = rounds_of(arguments(__doc__, rounds=20, quick=1).parse_args())
    print(host_line(), flush=True)
    with scratch() as directory:
        argv = guests.stock_linux(directory)
        recorders = ways(argv)
        empty = ("-plugin", f"file={escaped(library(guests.QEMU))}")
        boots: dict[str, list[Timed]] = {name: [] for name in recorders}
        for each, name in in_turn(tuple(recorders), rounds):
            words = empty if name == NO_PLACE else ()
            boots[name].append(watched_boot((*argv, *words), recorders[name]))
            progress(f"round {each + 1} of {rounds}: {name}")
    walls = {name: [timed.wall_ns for timed in many] for name, many in boots.items()}
    cpus = {name: [timed.cpu_ns for timed in many] for name, many in boots.items()}
    wall, cpu = ratios(walls, to=NONE), ratios(cpus, to=NONE)
    rows: list[Sequence[object]] = [(NONE, "1", "1")]
    rows += [(name, median_interval(wall[name]), median_interval(cpu[name])) for name in wall]
    base_ms = median_interval(walls[NONE]).median / _NS_PER_MS
    print(f"stock kernel under TCG: {base_ms:.0f} ms, {rounds} rounds")
    print(table(("plugin", "wall time", "CPU time of QEMU"), rows))


if __name__ == "__main__":
    main(body)
