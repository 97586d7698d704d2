"""What it costs a boot to be watched: no recorder, each source, and perf record as before.

The recorder is started before a boot and stopped after it; what is timed is QEMU from its execve to
its end. Each round boots once each way, in another order; the ratios are of pairs from one round.
Two guests: a firmware that leaves to QEMU 30,000 times (the worst case), and QEMU's own SeaBIOS
from power-on until it has loaded a boot sector, which ends QEMU: so all ways boot the same, and
nothing needs to see a mark.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    require_kvm,
    require_perf,
    rounds_of,
    scratch,
    table,
)
from qemu_boot_time.errors import HostError
from recorders import NONE, Recorder, Timed, available, boot, bytes_in

_MORE_BOOTS = 2
_NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Recorded:
    """How large recordings are, in bytes."""

    once: int
    """Event formats and the like, whatever is booted."""
    each_boot: int


def watched_boot(argv: tuple[str, ...], recorder: Recorder) -> Timed:
    """Start the recorder, boot, stop the recorder."""
    with tempfile.TemporaryDirectory(prefix="qbt-bench-") as name, recorder(Path(name)) as session:
        return boot(argv, session)


def recorded(argv: tuple[str, ...], recorder: Recorder) -> Recorded:
    """Tell what is recorded once from what each boot adds."""
    with tempfile.TemporaryDirectory(prefix="qbt-bench-") as name:
        with recorder(Path(name)) as session:
            sizes = []
            for index in range(1 + _MORE_BOOTS):
                boot(argv, session, index)
                sizes.append(bytes_in(Path(name)))
        each_boot = (sizes[-1] - sizes[0]) // _MORE_BOOTS
        return Recorded(max(0, bytes_in(Path(name)) - each_boot * len(sizes)), each_boot)


def measure(
    title: str, argv: tuple[str, ...], recorders: Mapping[str, Recorder], rounds: int
) -> str:
    """Boot one guest in all ways, in turn; give the table."""
    sizes = {name: recorded(argv, recorder) for name, recorder in recorders.items()}
    boots: dict[str, list[Timed]] = {name: [] for name in recorders}
    for each, name in in_turn(tuple(recorders), rounds):
        boots[name].append(watched_boot(argv, recorders[name]))
        progress(f"{title}: round {each + 1} of {rounds}: {name}")
    walls = {name: [timed.wall_ns for timed in many] for name, many in boots.items()}
    cpus = {name: [timed.cpu_ns for timed in many] for name, many in boots.items()}
    wall_ratios, cpu_ratios = ratios(walls, to=NONE), ratios(cpus, to=NONE)
    rows: list[Sequence[object]] = [(NONE, "1", "1", "", "")]
    for name, wall in wall_ratios.items():
        cost = (median_interval(wall), median_interval(cpu_ratios[name]))
        rows.append((name, *cost, f"{sizes[name].each_boot:,}", f"{sizes[name].once:,}"))
    headings = ("recorder", "wall time", "CPU time of QEMU", "bytes a boot", "bytes once")
    base_ms = median_interval(walls[NONE]).median / _NS_PER_MS
    return f"{title}: {base_ms:.0f} ms, {rounds} rounds\n{table(headings, rows)}"


_GUESTS = ("exits", "seabios")


def chosen(asked: Sequence[str] | None) -> Mapping[str, Recorder]:
    """Give the recorders asked for, and none; all that work here if nothing is asked for.

    Raises HostError for one that does not work here.
    """
    recorders = available()
    wanted = (NONE, *asked) if asked else tuple(recorders)
    if missing := [name for name in wanted if name not in recorders]:
        raise HostError(f"not here: {', '.join(missing)}", hint=f"there are {', '.join(recorders)}")
    return {name: recorders[name] for name in wanted}


def body() -> None:
    """Measure and print."""
    parser = arguments(__doc__, rounds=30, quick=1)
    parser.add_argument("--guest", choices=_GUESTS, action="append", help="this one alone")
    parser.add_argument("--recorder", action="append", help="this one and none alone; repeatable")
    parser.add_argument("--exits", type=int, default=guests.EXITS, help="of the first guest")
    options = parser.parse_args()
    require_kvm()
    require_perf()
    print(host_line(), flush=True)
    recorders = chosen(options.recorder)
    with scratch() as directory:
        titled = {
            "exits": (f"{options.exits:,} exits", guests.exits(directory, options.exits)),
            "seabios": ("SeaBIOS", guests.seabios(directory)),
        }
        for guest in options.guest or _GUESTS:
            title, argv = titled[guest]
            print(measure(title, argv, recorders, rounds_of(options)), flush=True)


if __name__ == "__main__":
    main(body)
