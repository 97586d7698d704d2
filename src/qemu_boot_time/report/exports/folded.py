"""Stacks for flame graphs (Brendan Gregg's format): ``boot;kernel 61234567``, one stack a line, in ns.

A phase is as wide as its mean over the boots that count, because means add up to the mean total, as
medians do not; one that a boot lacks took nothing in it. Boots that looked inside are stacks of their
own, for they are slower: what lies side by side in them (units) adds up to more than what holds it.
The form: https://github.com/brendangregg/FlameGraph, stackcollapse-*.pl; ``flamegraph.pl --countname
ns``.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile

from qemu_boot_time.model import Boot, Inside, Phase, Run, Span
from qemu_boot_time.phases import TOTAL
from qemu_boot_time.report.exports.parts import totals_of
from qemu_boot_time.report.parts import printable
from qemu_boot_time.stats.quantities import UNACCOUNTED
from qemu_boot_time.stats.summary import unaccounted

_ROOT = "boot"
_INSIDE = "inside: {}"


def export(runs: Sequence[Run]) -> str:
    """Render runs as stacks, each on a root of its own where there are several.

    Raises InputError where no boot that counts has a total.
    """
    lines = [line for run in runs for line in _run(run, _ROOT if len(runs) == 1 else run.name)]
    return "\n".join(lines) + "\n"


def _run(run: Run, root: str) -> Iterator[str]:
    totals_of(run)
    for name, mean_ns in _means(run.boots).items():
        yield from _stack([root, name], mean_ns)
    for inside in run.inside:
        yield from _inside(inside, _INSIDE.format(inside.purpose) + root.removeprefix(_ROOT))


def _stack(frames: Sequence[str], value_ns: int) -> Iterator[str]:
    """Render one stack; what has no width is none."""
    if value_ns > 0:
        names = (printable(frame).replace(";", r"\x3b") for frame in frames)
        yield f"{';'.join(names)} {value_ns}"


def _parts(boot: Boot) -> list[Phase]:
    """Give the phases that part the total: they stand before it."""
    return list(takewhile(lambda phase: phase.name != TOTAL, boot.phases))


def _means(boots: Iterable[Boot]) -> dict[str, int]:
    whole = [boot for boot in boots if boot.ok and any(p.name == TOTAL for p in boot.phases)]
    sums: Counter[str] = Counter()
    for boot in whole:
        for phase in _parts(boot):
            sums[phase.name] += phase.duration_ns
        rest = unaccounted(boot)
        sums[UNACCOUNTED] += boot.phases[len(_parts(boot))].duration_ns if rest is None else rest
    return {name: round(sum_ns / len(whole)) for name, sum_ns in sums.items()}


def _inside(inside: Inside, root: str) -> Iterator[str]:
    """Render the stages that the guest told of, else the phases, and in them what they hold."""
    held: dict[str, list[Span]] = {}
    for span in inside.spans:
        held.setdefault(span.parent, []).append(span)
    stages = {span.name: span.duration_ns for span in held.pop("", ())}
    phases = {phase.name: phase.duration_ns for phase in _parts(inside.boot)}
    yield from _frames(root, stages or phases, held)


def _frames(
    root: str, outer: Mapping[str, int], held: Mapping[str, Sequence[Span]]
) -> Iterator[str]:
    for name in dict.fromkeys((*outer, *held)):
        spans = held.get(name, ())
        yield from _stack([root, name], outer.get(name, 0) - _covered_ns(spans))
        for span in spans:
            yield from _stack([root, name, span.name], span.duration_ns)


def _covered_ns(spans: Iterable[Span]) -> int:
    """Give the time in which at least one of them was there."""
    covered_ns, until_ns = 0, None
    for span in sorted(spans, key=lambda span: span.begin_ns):
        begin_ns = span.begin_ns if until_ns is None else max(span.begin_ns, until_ns)
        covered_ns += max(0, span.end_ns - begin_ns)
        until_ns = span.end_ns if until_ns is None else max(span.end_ns, until_ns)
    return covered_ns
