"""What the exports share: names, exact units, what each boot that counts took."""

from collections.abc import Iterator, Mapping, Sequence

from qemu_boot_time.errors import InputError
from qemu_boot_time.model import Clock, Run
from qemu_boot_time.stats.quantities import main_total, named_lengths, phase_lengths

MS_DIGITS = 6
S_DIGITS = 9
_NS_PER_S = 1_000_000_000


def decimal(time_ns: int, digits: int) -> str:
    """Render nanoseconds in a larger unit, exactly: 6 digits make milliseconds, 9 seconds."""
    whole, rest = divmod(abs(time_ns), 10**digits)
    return f"{'-' if time_ns < 0 else ''}{whole}.{rest:0{digits}d}"


def seconds(time_ns: int) -> float:
    """Give nanoseconds as seconds: the nearest number that there is."""
    return time_ns / _NS_PER_S


def totals_of(run: Run) -> list[int]:
    """Give the totals of the boots that count, in their order, in ns.

    Where boots end at different marks, those of the total that most have. Raises InputError where
    no boot has one.
    """
    found = phase_lengths(run.boots, Clock.TIME)
    place = main_total(found)
    if place is None:
        raise InputError(
            f"{run.name}: no boot that counts has a total",
            hint="--parquet and --perfetto hold what was seen of all boots",
        )
    return list(found[place].values())


def counted(runs: Sequence[Run], clock: Clock) -> Iterator[tuple[Run, str, list[int]]]:
    """Give each phase of each run, by its name, and its lengths over the boots that count."""
    for run in runs:
        for name, lengths in named_lengths(run.boots, clock).items():
            yield run, name, list(lengths.values())


def label(runs: Sequence[Run], run: Run, name: str) -> str:
    """Name a quantity of one of these runs.

    A run's name is in it only where there are several: the id of a run is another one each night,
    and tools that follow a quantity know it by its name.
    """
    return name if len(runs) == 1 else f"{run.name} {name}"


def require_any(
    found: Mapping[str, object],
    runs: Sequence[Run],
    lack: str = "no boot that counts has a phase",
) -> None:
    """Raise InputError where nothing was found in any of the runs, which is for this ``lack``."""
    if not found:
        names = ", ".join(run.name for run in runs)
        raise InputError(
            f"{names}: {lack}",
            hint="--parquet and --perfetto hold what was seen of all boots",
        )
