"""A document that ``--json`` printed is a run again: a baseline is a file that people commit."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import msgspec

from qemu_boot_time.errors import InputError
from qemu_boot_time.inputs.options import BYTE_ORDER_MARK
from qemu_boot_time.model import Boot, Clock, Definitions, Kind, Profile, Run
from qemu_boot_time.stats.summary import unaccounted

_SCHEMA = 1
_AGAIN = "print it again: qbt show --json RUN > {}"
_OLD_PROFILE = "this document has a profile, but not its boots: print it again"
_MOST = 2 * 10**18
"""Of any number, any length and what no phase explains: a clock that began in 1970 and was set
meanwhile may be 57 years off, and statistics have 64 bits for the sum of four lengths."""

_Scalar = str | bool | int | float | None
_Fact = _Scalar | list[_Scalar] | dict[str, _Scalar]
_Document = TypeVar("_Document")


class _Head(msgspec.Struct):
    """What tells our documents from others."""

    schema: int = 0
    boots: msgspec.Raw = msgspec.Raw()


class _Facts(msgspec.Struct):
    """The document's ``run``."""

    name: str = ""
    path: str = ""
    kind: Kind = Kind.RUN
    command: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    accelerator: str = ""
    clock: Clock = Clock.TIME
    notes: tuple[str, ...] = ()
    damage: str = ""
    definitions: Definitions = Definitions()
    measurement: str = ""
    created: str = ""
    host: dict[str, _Fact] = {}


class _Profile(msgspec.Struct):
    """The document's ``profile``."""

    boots: tuple[msgspec.Raw, ...] = ()


class _Profiled(msgspec.Struct):
    """What tells a profile from one in an older document, which had no more of its boot than how it ended."""

    boot: msgspec.Raw = msgspec.Raw()


class _Run(msgspec.Struct):
    """What of a document is no statistics: those are made again."""

    boots: tuple[Boot, ...]
    run: _Facts = msgspec.field(default_factory=_Facts)
    profile: _Profile = msgspec.field(default_factory=_Profile)


def open_document(path: Path) -> Run:
    """Read what ``qbt show --json`` printed; boots that looked inside do not come back.

    Raises InputError for what is no such document, or has numbers that no boot can have, or two boots
    of one index.
    """
    data = path.read_bytes().removeprefix(BYTE_ORDER_MARK)
    head = _decoded(data, _Head, path)
    if head.schema != _SCHEMA or not bytes(head.boots):
        raise InputError(f"{path}: {_lacks(head)}", hint=_AGAIN.format(path))
    found = _decoded(data, _Run, path)
    profiles = tuple(_profiles(found.profile, path))
    _require_sane(found.boots, profiles, path)
    run = Run(boots=found.boots, profiles=profiles, **msgspec.structs.asdict(found.run))
    if len(profiles) == len(found.profile.boots):
        return run
    return replace(run, notes=(*run.notes, _OLD_PROFILE))


def _profiles(profile: _Profile, path: Path) -> Iterator[Profile]:
    for each in profile.boots:
        if bytes(_decoded(each, _Profiled, path).boot):
            yield _decoded(each, Profile, path)


def _require_sane(boots: Sequence[Boot], profiles: Sequence[Profile], path: Path) -> None:
    """Refuse numbers that no boot has, and two boots of one index."""
    all_boots = [*boots, *(profile.boot for profile in profiles)]
    numbers = [(boot, _numbers(boot)) for boot in all_boots]
    numbers += [(profile.boot, _counts(profile)) for profile in profiles]
    for boot, of_boot in numbers:
        if any(abs(number) > _MOST for number in of_boot):
            raise InputError(
                f"{path}: boot {boot.number}: a number that no boot has", hint=_AGAIN.format(path)
            )
    counted = Counter(boot.index for boot in all_boots)
    for index, times in counted.items():
        if times > 1:
            raise InputError(
                f"{path}: {times} boots have the index {index}", hint=_AGAIN.format(path)
            )


def _decoded(data: bytes | msgspec.Raw, kind: type[_Document], path: Path) -> _Document:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            f"{path}: no document of qbt, or not all of it: {error}", hint=_AGAIN.format(path)
        ) from error


def _lacks(head: _Head) -> str:
    """Say why this is none of the documents that can be read."""
    if not head.schema:
        return "JSON, but no document of qbt"
    if head.schema != _SCHEMA:
        return f"schema {head.schema}, this qbt reads {_SCHEMA}"
    return "a document of qbt without boots"


def _numbers(boot: Boot) -> Iterator[int]:
    yield from (boot.index, boot.pid, boot.attempts, boot.exec_ns or 0, boot.cpu_ns or 0)
    for mark in (*boot.marks, *boot.other_attempts, *boot.also_seen):
        yield from (mark.time_ns, mark.attempt, mark.error_ns, mark.instructions or 0)
    for phase in (*boot.phases, *boot.parts):
        yield from (phase.begin_ns, phase.end_ns, phase.duration_ns, phase.instructions or 0)
    yield from (unaccounted(boot, clock) or 0 for clock in Clock)


def _counts(profile: Profile) -> Iterator[int]:
    for counter in profile.counters:
        yield from (counter.exits, counter.accesses, counter.outside_ns or 0)
        yield from counter.addresses or ()
    for sample in profile.samples:
        yield from (sample.time_ns, sample.exits)
    for time in profile.times:
        yield from (time.length_ns, time.watched_ns, time.vcpus, time.busy_vcpus)
