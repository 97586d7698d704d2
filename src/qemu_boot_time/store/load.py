"""A run directory becomes a Run again: facts and raw files in, boots out."""

import math
import shlex
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from operator import or_
from pathlib import Path

from qemu_boot_time.errors import CorruptFileError
from qemu_boot_time.model import (
    Boot,
    Bound,
    Definitions,
    EndedBy,
    Event,
    EventKind,
    Inside,
    Outcome,
    Profile,
    Purpose,
    Run,
)
from qemu_boot_time.phases import Ending, Rules, boot_of, boots_of, split_vms
from qemu_boot_time.phases.inside import RULES as INSIDE_RULES
from qemu_boot_time.phases.inside import inside_of, is_clock_mark
from qemu_boot_time.phases.seen import name_of
from qemu_boot_time.phases.start import events_of
from qemu_boot_time.protocol import Names
from qemu_boot_time.sources.base import Arm, Armed, Asked, Source, boot_name
from qemu_boot_time.sources.kvm_trace import starters
from qemu_boot_time.sources.table import SOURCES
from qemu_boot_time.sources.vmm import Vmm, left_out
from qemu_boot_time.store.facts import (
    RAW_DIRECTORY,
    RUN_FILE,
    BootFacts,
    RunFacts,
    RunKind,
    console,
    read_facts,
)
from qemu_boot_time.store.inside import STREAM, read_handed_out
from qemu_boot_time.store.precision import said, totals_of
from qemu_boot_time.store.profile import read_profile
from qemu_boot_time.store.silence import advice
from qemu_boot_time.vm.command import accelerators, parse

_EXEC_SLACK_NS = 50_000_000
"""How far the kernel's own stamp of an exec may lie from ours, which is taken just before."""

_Events = Mapping[int, Sequence[Event]]
"""What was seen of each boot, by its index; of one that nothing was seen of, nothing."""


def rules_of(facts: RunFacts) -> Rules:
    """Give the rules that the run was made with."""
    return Rules(Names(facts.names, asked_of(facts).names), facts.until, facts.phases)


def asked_of(facts: RunFacts) -> Asked:
    """Give what the run was to see beyond the trace points that there are."""
    return Asked(facts.probes, facts.matches, facts.kvm_console)


def definitions_of(facts: RunFacts) -> Definitions:
    """Give what the user said that marks and phases are."""
    return Definitions(facts.until, facts.names, facts.phases, facts.probes, facts.matches)


def load_run(directory: Path) -> Run:
    """Read a run; warm-up boots are left out.

    Raises InputError for facts that are missing or corrupt, and for raw files that are missing;
    what is torn in a raw file becomes a note, for all that comes before it counts.
    """
    facts, boots = read_facts(directory)
    request = Arm(directory / RAW_DIRECTORY, facts.scope, vmm_of(facts), asked=asked_of(facts))
    if facts.kind is RunKind.RECORDED:
        return _recorded(directory, facts, request)
    return _started(directory, facts, boots, request)


def _started(directory: Path, facts: RunFacts, boots: Sequence[BootFacts], request: Arm) -> Run:
    """Make boots of what was seen of VMs that we started ourselves."""
    notes = list(facts.notes)
    sources = [_source(directory, name) for name in facts.sources]
    events = _seen(sources, _parts(facts.armed, request, boots), notes)
    notes += [] if facts.sources else [_nobody_looked(facts)]
    measured = [boot for boot in boots if boot.counts]
    rules = rules_of(facts)
    found = tuple(
        boot_from_facts(boot, events[boot.index], rules, facts.sources) for boot in measured
    )
    return Run(
        name=directory.name,
        boots=found,
        sources=facts.sources,
        clock=facts.clock,
        path=str(directory),
        command=facts.command,
        accelerator="/".join(_accelerators(facts, measured)),
        inside=tuple(_insides(facts, boots, events, request.raw)),
        profiles=tuple(_profiles(facts, boots, events, request.raw)),
        notes=(*notes, *_precision(facts, found), *advice(facts, found)),
        definitions=definitions_of(facts),
        measurement=facts.interleaved.measurement if facts.interleaved else "",
        created=facts.created,
        host=facts.host,
    )


def _precision(facts: RunFacts, boots: Sequence[Boot]) -> Iterator[str]:
    """Say how well the median is known, where that was asked for and anything got there."""
    totals = totals_of(boots, facts.clock)
    if facts.precision is not None and totals:
        yield said(facts.precision, totals, len(boots))


def _parts(
    armed: Armed, request: Arm, boots: Sequence[BootFacts]
) -> list[tuple[Arm, Sequence[BootFacts]]]:
    """Give the directories of raw files, and which boots were seen in each."""
    if armed is Armed.ONCE:
        return [(request, boots)] if boots else []
    return [(replace(request, raw=request.raw / boot_name(boot.index)), [boot]) for boot in boots]


def _seen(
    sources: Iterable[Source],
    parts: Sequence[tuple[Arm, Sequence[BootFacts]]],
    notes: list[str],
) -> _Events:
    """Give what was seen of each boot, by its index; note what a reader must know of it."""
    events: dict[int, list[Event]] = defaultdict(list)
    for source in sources:
        for request, boots in parts:
            for index, found in _events_by_boot(source, _readable(source, request, notes), boots):
                events[index] += found
        # What is remarked on one boot of several is true of all: they have one command.
        notes += [remark for request, _ in parts[-1:] for remark in source.remarks(request)]
    return events


def _insides(
    facts: RunFacts, boots: Iterable[BootFacts], events: _Events, raw: Path
) -> Iterator[Inside]:
    """Make the boots that looked inside again; they have rules of their own."""
    for boot in boots:
        if boot.purpose not in {Purpose.MEASURED, Purpose.PROFILE}:
            seen = events[boot.index]
            marks = [event for event in seen if not is_clock_mark(event)]
            looked = boot_from_facts(boot, marks, INSIDE_RULES, facts.sources)
            handed_out = read_handed_out(console(raw, boot.index, STREAM))
            yield inside_of(boot.purpose, looked, seen, handed_out)


def _profiles(
    facts: RunFacts, boots: Iterable[BootFacts], events: _Events, raw: Path
) -> Iterator[Profile]:
    """Make the boots again whose exits were counted."""
    rules = rules_of(facts)
    for boot in boots:
        if boot.purpose is Purpose.PROFILE:
            counted = boot_from_facts(boot, events[boot.index], rules, facts.sources)
            yield read_profile(raw, counted, rules.names)


def _nobody_looked(facts: RunFacts) -> str:
    """Say why a run has no marks, and where there may be some of the same command."""
    if facts.beside:
        return f"no source looked, {shlex.join(facts.beside)} did: without marks there is no table"
    other = facts.interleaved.other if facts.interleaved else ""
    beside = f"; {other}, which lies beside it, was watched" if other else ""
    return f"no source looked: without marks there is no table{beside}"


def _recorded(directory: Path, facts: RunFacts, request: Arm) -> Run:
    """Make boots of what was seen of VMs that somebody else started."""
    readers = [_source(directory, name).recordings for name in facts.sources]
    found = [each for reader in readers if reader is not None for each in reader(request)]
    events = [event for each in found for event in each.events]
    unclaimed: Counter[str] = reduce(or_, (each.unclaimed for each in found), Counter())
    torn = (f"{each.damage}: what was seen after it is not there" for each in found if each.damage)
    return Run(
        name=directory.name,
        boots=tuple(_cut_short(boots_of(events, rules_of(facts)), facts.cut_short)),
        sources=facts.sources,
        path=str(directory),
        command=facts.command,
        accelerator="kvm",
        notes=(*facts.notes, *torn, *filter(None, [left_out(unclaimed)])),
        definitions=definitions_of(facts),
        created=facts.created,
        host=facts.host,
    )


def _cut_short(boots: Sequence[Boot], vms: Collection[int]) -> Iterator[Boot]:
    """Tell those that the end of the recording met on their way from those that ended too soon."""
    last = {boot.pid: boot for boot in boots}  # process ids come again
    for boot in boots:
        was_met = boot.pid in vms and boot is last[boot.pid] and boot.outcome is Outcome.ENDED
        yield replace(boot, outcome=Outcome.INTERRUPTED) if was_met else boot


def _readable(source: Source, request: Arm, notes: list[str]) -> list[Event]:
    """Give what can be read of a source's raw files; where they are torn, note it."""
    events: list[Event] = []
    try:
        events.extend(source.read(request))
    except CorruptFileError as torn:
        notes.append(f"{torn.what}: what was seen after it is not there")
    return events


def _accelerators(facts: RunFacts, boots: Sequence[BootFacts]) -> list[str]:
    """Give what QEMU said that it uses; where it left too soon to say, what alone was asked for."""
    told = {boot.accelerator for boot in boots} - {""}
    asked = set(accelerators(parse(facts.command)))
    return sorted(told or (asked if len(asked) == 1 else ()))


def vmm_of(facts: RunFacts) -> Vmm:
    """Give which programs are the run's VMs."""
    return Vmm(facts.vmm) if facts.vmm else Vmm()


def is_until(event: Event, rules: Rules) -> bool:
    """Whether this event is the mark at which a boot has got there."""
    return rules.until is not None and name_of(event, rules.names) == rules.until


def boot_from_facts(
    facts: BootFacts, events: Iterable[Event], rules: Rules, sources: Sequence[str]
) -> Boot:
    """Join what the sources saw of one boot with what its starter knows.

    Without ``sources`` there are no marks, and a guest that ended has done all that it should.
    """
    resets = [Event(time_ns, "qmp", EventKind.RESET, -1) for time_ns in facts.resets_ns]
    ending = Ending(
        facts.ended_by,
        facts.message,
        exec_stamp_ns=facts.exec_stamp_ns,
        needs_mark=bool(sources) or facts.complained,
    )
    events = list(events)
    if facts.ended_by is EndedBy.MARK:
        events = _up_to_the_end(events, rules)
    start = facts.start
    events += events_of(start.monitor_ns, start.greeting_ns, start.kernel_ns)
    pid = next((event.vm for event in events if event.kind is EventKind.EXEC), facts.pids[-1])
    boot = boot_of([*events, *resets], index=facts.index, pid=pid, rules=rules, ending=ending)
    return replace(boot, cpu_ns=facts.cpu_ns)


def _up_to_the_end(events: Sequence[Event], rules: Rules) -> list[Event]:
    """Leave out what the guest still did before we had stopped it; each source has its own stamp.

    What only bounds the mark ends nothing where the source saw the mark itself.
    """
    ends: dict[str, tuple[bool, int]] = {}
    for event in filter(lambda event: is_until(event, rules), events):
        end = event.fields.get("bound", Bound.EXACT) != Bound.EXACT, _known_ns(event)
        ends[event.source] = min(end, ends.get(event.source, end))
    end_ns = max((time_ns for _, time_ns in ends.values()), default=math.inf)
    return [event for event in events if _known_ns(event) <= end_ns]


def _known_ns(event: Event) -> int:
    """Give when an event was known: one between two stamps, which has the first, at the second."""
    is_between = event.fields.get("bound") == Bound.GE
    return event.time_ns + (int(event.fields.get("error_ns", 0)) if is_between else 0)


def _source(directory: Path, name: str) -> Source:
    if name not in SOURCES:
        known = ", ".join(SOURCES)
        raise CorruptFileError(
            str(directory / RUN_FILE), 0, "sources", f"unknown source {name!r} (known: {known})"
        )
    return SOURCES[name]


def _events_by_boot(
    source: Source, events: Sequence[Event], boots: Sequence[BootFacts]
) -> Iterable[tuple[int, list[Event]]]:
    if source.by_index:
        for event in events:
            yield event.vm, [event]
        return
    for group in split_vms(event for event in events if event.kind is not EventKind.LOST):
        owner = next((boot for boot in boots if _is_of(group, boot)), None)
        if owner is not None:
            yield owner.index, group
    for lost in (event for event in events if event.kind is EventKind.LOST):
        for boot in boots:
            if boot.exec_stamp_ns - _EXEC_SLACK_NS <= lost.time_ns <= boot.end_ns:
                yield boot.index, [lost]


def _is_of(group: Sequence[Event], boot: BootFacts) -> bool:
    """Whether a VM is this boot's: its process, in its time (process ids come again)."""
    begins = boot.exec_stamp_ns - _EXEC_SLACK_NS
    in_its_time = begins <= group[0].time_ns <= boot.end_ns
    return in_its_time and not set(boot.pids).isdisjoint(starters(group[0]))
