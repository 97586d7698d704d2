"""Whether two runs mean the same, so that a difference between them is one of what was changed.

Pure: what is told here is refused by whoever compares, or a warning where the user insists.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from qemu_boot_time.model import Boot, Bound, Clock, Definitions, Kind, Mark, Run
from qemu_boot_time.phases import TOTAL, in_order
from qemu_boot_time.stats.hosts import host_differences


class Trouble(StrEnum):
    """In which respect two sides are not alike."""

    CLOCK = "clock"
    """Time on one side, instructions on the other: nobody can insist."""
    DEFINITION = "definition"
    """What is called the same is not the same thing."""
    SOURCE = "source"
    """The same marks were seen in ways that are not equally accurate."""
    HOST = "host"
    """The machine was another one, or was set up in another way."""
    SAMPLE = "sample"
    """Some boots cannot have been so."""


@dataclass(frozen=True, slots=True)
class Unlike:
    """One reason not to compare."""

    trouble: Trouble
    what: str
    """One line that names what there is on both sides; text of the runs in it is as it came."""


def unlike(first: Run, second: Run) -> tuple[Unlike, ...]:
    """Give all reasons why a difference between two runs may not be one of what was changed.

    What only one side knows (a recording has no host facts) is no reason.
    """
    definitions = (what for check in _DEFINITION_CHECKS for what in check(first, second))
    counted = first.clock is second.clock is Clock.INSTRUCTIONS
    accelerators = {first.accelerator, second.accelerator}
    # Instructions are the guest's own: the host changes none of them.
    hosts = () if counted else host_differences(first.host, second.host, accelerators)
    return (
        *(Unlike(Trouble.CLOCK, what) for what in _clock(first, second)),
        *(Unlike(Trouble.DEFINITION, what) for what in definitions),
        *(Unlike(Trouble.SOURCE, what) for what in _ways_differ(first, second)),
        *(Unlike(Trouble.HOST, what) for what in hosts),
    )


def impossible(run: Run, side: str) -> tuple[Unlike, ...]:
    """Give what makes boots of one side, that statistics would use, no samples of anything.

    ``side`` is what the side is called.
    """
    found: dict[str, list[int]] = {}
    for boot in _good(run):
        for reason in _reasons(boot, run.clock):
            found.setdefault(reason, []).append(boot.number)
    lines = [f"{side}: boot {listed(numbers)}: {reason}" for reason, numbers in found.items()]
    lines += [f"{side}: the input is damaged: {run.damage}"] if run.damage else []
    return tuple(Unlike(Trouble.SAMPLE, line) for line in lines)


def listed(numbers: Sequence[object], most: int = 8) -> str:
    """List numbers of boots; of many, the first few and how many there are."""
    shown = ", ".join(map(str, numbers[:most]))
    return shown if len(numbers) <= most else f"{shown}... ({len(numbers)} boots)"


def _good(run: Run) -> Iterator[Boot]:
    return (boot for boot in run.boots if boot.ok)


# --- definitions ------------------------------------------------------------------------------


def _clock(first: Run, second: Run) -> Iterator[str]:
    if first.clock is not second.clock:
        yield f"the first was measured in {first.clock}, the second in {second.clock}"


def _numbers_from_elsewhere(first: Run, second: Run) -> Iterator[str]:
    one, other = first.definitions, second.definitions
    if one.column and other.column and one.column != other.column:
        columns = f"the first is column {one.column!r}, the second column {other.column!r}"
        yield f"{columns}: two columns are two definitions"
    if one.unit and other.unit and one.unit != other.unit:
        numbers = (
            f"the numbers of the first are in {one.unit}, those of the second in {other.unit}: "
        )
        yield f"{numbers}--unit or FILE:COLUMN:UNIT says which"


def _end_of_total(first: Run, second: Run) -> Iterator[str]:
    lists = [run.kind is Kind.LIST for run in (first, second)]
    if all(lists):
        return
    one, other = _ends_of_total(first), _ends_of_total(second)
    if any(lists):
        the_list, known = ("first", other) if lists[0] else ("second", one)
        end = _words(known) or "no mark"
        yield f"the {the_list} is a list of totals, and nobody says where they end; the other's end at {end}"
    elif one and other and (one.keys() != other.keys() or len(one) > 1):
        yield f"totals of the first end at {_words(one)}, those of the second at {_words(other)}: --until says where"


def _ends_of_total(run: Run) -> Counter[str]:
    """Count at which marks totals end; where no boot has one, say where they would have ended."""
    ends = Counter(phase.end for boot in _good(run) for phase in boot.phases if phase.name == TOTAL)
    return ends or Counter({run.definitions.until} if run.definitions.until else ())


def _words(ends: Counter[str]) -> str:
    if len(ends) < 2:  # noqa: PLR2004  # one needs no count
        return "".join(ends)
    return " and ".join(f"{end} (n={count})" for end, count in ends.most_common())


def _names(first: Run, second: Run) -> Iterator[str]:
    one, other = _meanings(first.definitions), _meanings(second.definitions)
    yield from _differing("{}", one, other)


def _meanings(definitions: Definitions) -> dict[str, set[str]]:
    """Give what the user made of a mark, by its name."""
    found: dict[str, set[str]] = {}
    for value, name in definitions.names.items():
        found.setdefault(name, set()).add(f"port value {value}")
    for name, symbol in definitions.probes.items():
        found.setdefault(name, set()).add(f"symbol {symbol}")
    for name, regex in definitions.matches.items():
        found.setdefault(name, set()).add(f"a line with {regex!r}")
    return found


def _phases(first: Run, second: Run) -> Iterator[str]:
    yield from _differing("phase {}", _ends_of_phases(first), _ends_of_phases(second))


def _ends_of_phases(run: Run) -> dict[str, set[str]]:
    """Give between which marks a phase lies, by its name: in the boots, and as the user has it."""
    found: dict[str, set[str]] = {}
    for name, (begin, end) in run.definitions.phases.items():
        found.setdefault(name, set()).add(f"{begin}..{end}")
    for phase in (phase for boot in _good(run) for phase in boot.phases if phase.name != TOTAL):
        found.setdefault(phase.name, set()).add(f"{phase.begin}..{phase.end}")
    return found


def _differing(
    called: str, one: Mapping[str, set[str]], other: Mapping[str, set[str]]
) -> Iterator[str]:
    for name, meanings in one.items():
        if meanings != other.get(name, meanings):
            here, there = (" and ".join(sorted(side[name])) for side in (one, other))
            yield f"{called.format(name)} is {here} in the first, {there} in the second"


_DEFINITION_CHECKS: Sequence[Callable[[Run, Run], Iterable[str]]] = (
    _numbers_from_elsewhere,
    _end_of_total,
    _names,
    _phases,
)


# --- sources ----------------------------------------------------------------------------------

_KERNELS_OWN = "the kernel's own stamps"
_ACCURACY = dict.fromkeys(("perf_event", "perf", "tracefs", "trace-cmd"), _KERNELS_OWN)
"""Sources that are equally accurate: the same events with the same stamps, whoever records them.
Every other source is like itself alone."""

_BOUND_WORDS = {Bound.GE: "at or after", Bound.LE: "at or before"}


class _Way(NamedTuple):
    """How a mark was seen."""

    accuracy: str
    bound: Bound
    event: str
    """Of what only bounds it: how far off that is depends on what was seen. Else empty."""

    def __str__(self) -> str:
        exact = self.bound is Bound.EXACT
        return self.accuracy + ("" if exact else f" ({_BOUND_WORDS[self.bound]} {self.event})")


def _ways_differ(first: Run, second: Run) -> Iterator[str]:
    """Say of marks that both sides have which were seen in other ways; one line for one difference."""
    one, other = _ways(first), _ways(second)
    told = _redefined(first, second)
    marks: dict[tuple[str, str], list[str]] = {}
    for name in one:
        if name not in told and one[name] != other.get(name, one[name]):
            key = _by(one[name]), _by(other[name])
            marks.setdefault(key, []).append(name)
    for (here, there), names in marks.items():
        yield f"{', '.join(names)}: seen by {here} in the first, by {there} in the second"


def _ways(run: Run) -> dict[str, set[_Way]]:
    """Give how each mark was seen, in the order of a boot."""
    found: dict[str, set[_Way]] = {}
    for mark in (mark for boot in _good(run) for mark in boot.marks):
        found.setdefault(mark.name, set()).add(_way(mark))
    return found


def _way(mark: Mark) -> _Way:
    event = "" if mark.bound is Bound.EXACT else mark.event
    return _Way(_ACCURACY.get(mark.source, mark.source), mark.bound, event)


def _redefined(first: Run, second: Run) -> set[str]:
    """Give the marks that are not the same thing anyway."""
    one, other = _meanings(first.definitions), _meanings(second.definitions)
    return {name for name, meanings in one.items() if meanings != other.get(name, meanings)}


def _by(ways: Iterable[_Way]) -> str:
    return " and by ".join(sorted(map(str, ways)))


# --- samples ----------------------------------------------------------------------------------

_OUT_OF_ORDER = "marks_out_of_order"


def _reasons(boot: Boot, clock: Clock) -> Iterator[str]:
    """Say why one boot is no sample; a document may hold what no measurement gives."""
    yield from boot.suspect
    if _OUT_OF_ORDER not in boot.suspect and not in_order(boot.marks):
        yield _OUT_OF_ORDER
    for phase in boot.phases:
        length = phase.length(clock)
        if length is not None and length < 0:
            yield f"{phase.name} is below zero"
        elif length == 0 and phase.name == TOTAL:
            yield f"{TOTAL} is zero"
