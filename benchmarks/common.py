"""What the benchmarks share: arms in turn, ratios of pairs, intervals, tables, a clean way out."""

import argparse
import contextlib
import math
import random
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qemu_boot_time import host, process
from qemu_boot_time.errors import ExitStatus, HostError, QbtError

_SEED = 20_240_229
_RESAMPLES = 10_000
_CONFIDENCE = 0.95
_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Interval:
    """A median, and where it may as well lie."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3f} [{self.low:.3f}, {self.high:.3f}]"


def median_interval(values: Sequence[float]) -> Interval:
    """Give the median and its bootstrap interval of 95 % (percentiles of the resampled medians).

    The seed is fixed: the same values give the same interval. Raises ValueError for no values.
    Efron and Tibshirani, An Introduction to the Bootstrap (1993), 13.3.
    """
    if not values:
        raise ValueError("an interval of no values")
    source = random.Random(_SEED)  # noqa: S311  # statistics, no secret
    medians = sorted(
        statistics.median(source.choices(values, k=len(values))) for _ in range(_RESAMPLES)
    )
    beyond = (1 - _CONFIDENCE) / 2
    low, high = (percentile(medians, share) for share in (beyond, 1 - beyond))
    return Interval(statistics.median(values), low, high)


def percentile(ordered: Sequence[float], share: float) -> float:
    """Give the value below which ``share`` of sorted values lie, between neighbours linearly."""
    at = share * (len(ordered) - 1)
    below = math.floor(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (at - below) * (ordered[above] - ordered[below])


def ratios(times: Mapping[str, Sequence[float]], *, to: str) -> dict[str, list[float]]:
    """Divide each arm's time by that of arm ``to`` of the same round, for all other arms."""
    return {
        arm: [mine / base for mine, base in zip(values, times[to], strict=True)]
        for arm, values in times.items()
        if arm != to
    }


def in_turn(arms: Sequence[str], rounds: int) -> Iterator[tuple[int, str]]:
    """Give every arm once a round, in another order each round: drift hits all alike."""
    source = random.Random(_SEED)  # noqa: S311  # an order, no secret
    for each in range(rounds):
        for arm in source.sample(arms, k=len(arms)):
            yield each, arm


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Lay out a Markdown table, columns aligned."""
    cells = [list(map(str, row)) for row in [headings, *rows]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    lines = (
        " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in cells
    )
    return "\n".join(f"| {line} |" for line in lines)


def host_line() -> str:
    """Say on one line what this was measured on."""
    facts = host.facts()
    known = [
        facts.cpu_model,
        f"{facts.cpus_online} CPUs",
        f"in {facts.hypervisor}" if facts.hypervisor else None,
        " ".join(facts.kvm_modules) or None,
        f"Linux {facts.kernel}",
        facts.qemu,
        facts.perf,
        f"load {facts.load_1min:g}" if facts.load_1min is not None else None,
    ]
    return "host: " + ", ".join(word for word in known if word)


def progress(text: str) -> None:
    """Tell a person who waits."""
    print(text, file=sys.stderr, flush=True)


def arguments(description: str | None, *, rounds: int, quick: int) -> argparse.ArgumentParser:
    """Make the parser that all benchmarks begin with; ``quick`` rounds are for trying it out."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "-n", "--rounds", type=_positive, default=None, help=f"default {rounds}; --quick: {quick}"
    )
    parser.add_argument(
        "--quick", action="store_true", help="see that it runs: figures mean nothing"
    )
    parser.set_defaults(full_rounds=rounds, quick_rounds=quick)
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError("at least one round")
    return number


def rounds_of(options: argparse.Namespace) -> int:
    """Give how many rounds are asked for."""
    default: int = options.quick_rounds if options.quick else options.full_rounds
    return options.rounds or default


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Give a directory that is gone afterwards, whatever happens."""
    with tempfile.TemporaryDirectory(prefix="qbt-bench-") as name, process.Guard() as guard:
        guard.watch("remove", name)
        yield Path(name)
        guard.release("remove", name)


def require_kvm() -> None:
    """Raise HostError where no guest runs under KVM here."""
    process.require("qemu-system-x86_64", hint="apt install qemu-system-x86")
    kvm = host.kvm_device()
    if not kvm.ok:
        raise HostError(kvm.what, hint=kvm.remedy)


def require_perf() -> None:
    """Raise HostError where perf cannot record tracepoints here."""
    process.require("perf", hint=host.perf_binary().remedy)
    access = host.tracepoint_access()
    if not access.ok:
        raise HostError(access.what, hint=access.remedy)


def main(body: Callable[[], None]) -> None:
    """Run a benchmark; where this host cannot, say so in one line and exit with status 5."""
    try:
        body()
    except QbtError as error:
        hint = f" ({error.hint})" if error.hint else ""
        print(f"{Path(sys.argv[0]).name}: {error.what}{hint}", file=sys.stderr)
        sys.exit(ExitStatus.CANNOT)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
