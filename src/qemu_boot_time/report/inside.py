"""What happened inside a guest, for a terminal: how well it is known, the stages, the slowest."""

from collections.abc import Iterable, Iterator

from rich.console import RenderableType
from rich.text import Text

from qemu_boot_time.model import Alignment, Inside, Purpose, Span
from qemu_boot_time.report.parts import grid, ms, printable

MOST = 10
"""As many of the slowest are shown; JSON has all."""

_COLUMNS = ("begin", "end", "length")
_TARGET = ".target"
_BEFORE = (
    "before that it is counted back, by a clock that had lost {} ms: times of the kernel may be as much "
    "earlier"
)
_BESIDES = {"kmsg", "qbt-inside"}
"""The sources of what both kinds of looking show."""


def inside_parts(inside: Inside) -> Iterator[RenderableType]:
    """Render one boot that looked inside."""
    yield Text(f"inside: {inside.purpose}, in a boot that does not count", style="bold")
    if inside.alignment is not None:
        yield Text(alignment_in_words(inside.alignment))
        if inside.alignment.lost_ns:
            yield Text(_BEFORE.format(ms(inside.alignment.lost_ns)))
    for note in inside.notes:
        yield Text(f"note: {printable(note)}")
    stages, targets, others = parted(inside)
    yield from _table("stage (ms since exec)", stages)
    yield from _table("target (ms since exec)", targets)
    slowest = sorted(others, key=lambda span: -span.duration_ns)[:MOST]
    of = f"{len(slowest)} slowest of {len(others)} {inside.purpose}"
    yield from _table(of, slowest)
    yield Text()


def alignment_in_words(alignment: Alignment) -> str:
    """Say how well the clock of a guest is known on the clock of its host."""
    within = f"the guest's clock is tied to the host's within {ms(alignment.error_ns)} ms"
    at = f"at {ms(alignment.first_ns)} ms"
    if not alignment.apart_ns:
        return f"{within}, {at} alone: how it drifts is not known"
    later, drift = ms(alignment.apart_ns), ms(alignment.drift_ns)
    return f"{within}, {at} and {later} ms later; between these it drifted by {drift} ms"


def parted(inside: Inside) -> tuple[list[Span], list[Span], list[Span]]:
    """Part the spans into stages, targets, and what the boot was for."""
    stages, targets, others = [], [], []
    for span in inside.spans:
        if span.source in _BESIDES or not span.parent:
            stages.append(span)
        elif span.name.endswith(_TARGET) and inside.purpose is Purpose.UNITS:
            targets.append(span)
        else:
            others.append(span)
    return stages, targets, others


def _table(title: str, spans: Iterable[Span]) -> Iterator[RenderableType]:
    table = grid(title, _COLUMNS)
    for span in spans:
        times = (ms(span.begin_ns), ms(span.end_ns), ms(span.duration_ns))
        table.add_row(Text(printable(_named(span)), style="cyan"), *times)
    if table.row_count:
        yield from (Text(), table)


def _named(span: Span) -> str:
    is_known = span.parent in {"", "kernel", "userspace"}
    return span.name if is_known else f"{span.name} [{span.parent}]"
