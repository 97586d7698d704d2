"""Stacks for flame graphs (Brendan Gregg's format): ``boot;kernel 61234567``, one stack a line, in ns.

A phase is as wide as its mean over the boots that count, because means add up to the mean total, as
medians do not; one that a boot lacks took nothing in it. Boots that looked inside are stacks of their
own, for they are slower: what lies side by side in them (units) adds up to more than what holds it.
The form: https://github.com/brendangregg/FlameGraph, stackcollapse-*.pl; ``flamegraph.pl --countname
ns``.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from qemu_boot_time.model import Boot, Inside, Phase, Run, Span
from qemu_boot_time.phases import UNACCOUNTED, split_at_total
from qemu_boot_time.report.exports.parts import totals_of
from qemu_boot_time.report.parts import printable
from qemu_boot_time.stats.summary import unaccounted

_ROOT = "boot"
_INSIDE = "inside: {}"
"""Beside the phases; below the run's name where there are several runs."""
_SYSTEMD = "systemd"
"""Who tells of stages: the kernel, the initramfs, user space."""
_AFTERWARDS = "after all phases"


def export(runs: Sequence[Run]) -> str:
    """Render runs as stacks, each on a root of its own where there are several.

    Raises InputError where no boot that counts has a total.
    """
    above = [[run.name] if len(runs) > 1 else [] for run in runs]
    lines = [line for run, names in zip(runs, above, strict=True) for line in _run(run, names)]
    return "\n".join(lines) + "\n"


def _run(run: Run, above: Sequence[str]) -> Iterator[str]:
    totals_of(run)  # it raises where there is none
    for name, mean_ns in _means(run.boots).items():
        yield from _stack([*(above or [_ROOT]), name], mean_ns)
    for inside in run.inside:
        yield from _inside(inside, [*above, _INSIDE.format(inside.purpose)])


def _stack(frames: Sequence[str], value_ns: int) -> Iterator[str]:
    """Render one stack; what has no width is none."""
    if value_ns > 0:
        names = (printable(frame).replace(";", r"\x3b") for frame in frames)
        yield f"{';'.join(names)} {value_ns}"


def _means(boots: Iterable[Boot]) -> dict[str, int]:
    sums: Counter[str] = Counter()
    whole = 0
    for boot in (boot for boot in boots if boot.ok):
        parts, total, _ = split_at_total(boot.phases)
        if total is not None:
            whole += 1
            for phase in parts:
                sums[phase.name] += phase.duration_ns
            rest = unaccounted(boot)
            sums[UNACCOUNTED] += total.duration_ns if rest is None else rest
    return {name: round(sum_ns / whole) for name, sum_ns in sums.items()}


class _Frame(NamedTuple):
    """What others lie in: a stage that systemd tells of, or a phase."""

    name: str
    begin_ns: int
    end_ns: int


def _inside(inside: Inside, root: Sequence[str]) -> Iterator[str]:
    """Render the stages that the guest told of, else the phases, and what lies in each of them."""
    spans = list(inside.spans)
    frames = [_frame(span) for span in spans if _is_stage(span)]
    frames = frames or [_frame(phase) for phase in split_at_total(inside.boot.phases).parts]
    held: dict[str, list[tuple[Span, tuple[str, ...]]]] = {}
    for span in spans:
        if not _is_stage(span):
            first, *others = _above(span, frames)
            held.setdefault(first, []).append((span, tuple(others)))
    for frame in frames:
        lying_in_it = [span for span, _ in held.get(frame.name, ())]
        own_ns = frame.end_ns - frame.begin_ns - _covered_ns(lying_in_it, frame)
        yield from _stack([*root, frame.name], own_ns)
    for first, found in held.items():
        for span, above in found:
            yield from _stack([*root, first, *above, span.name], span.duration_ns)


def _is_stage(span: Span) -> bool:
    return not span.parent and span.source == _SYSTEMD


def _frame(of: Phase | Span) -> _Frame:
    return _Frame(of.name, of.begin_ns, of.end_ns)


def _above(span: Span, frames: Sequence[_Frame]) -> list[str]:
    """Give the frames that a span lies in: its parent, in what was going on when it began.

    Where nothing went on that has a name, that is unaccounted for, as long as something follows.
    """
    names = {frame.name for frame in frames}
    if span.parent in names:
        return [span.parent]
    at_begin = (frame.name for frame in frames if frame.begin_ns <= span.begin_ns < frame.end_ns)
    is_followed = any(span.begin_ns < frame.end_ns for frame in frames)
    first = next(at_begin, UNACCOUNTED if is_followed else _AFTERWARDS)
    return [first, *([span.parent] if span.parent else [])]


def _covered_ns(spans: Iterable[Span], frame: _Frame) -> int:
    """Give how much of a frame at least one of these spans was there."""
    covered_ns, until_ns = 0, frame.begin_ns
    for span in sorted(spans, key=lambda span: span.begin_ns):
        end_ns = min(span.end_ns, frame.end_ns)
        covered_ns += max(0, end_ns - max(span.begin_ns, until_ns))
        until_ns = max(until_ns, end_ns)
    return covered_ns
