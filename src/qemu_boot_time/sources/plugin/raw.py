"""What the plugin told, as it is kept and as events: one path for live lines and for old runs."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from qemu_boot_time.model import Event, EventKind
from qemu_boot_time.sources.jsonl import records
from qemu_boot_time.sources.plugin.places import Place

NAME = "plugin"
RAW_FILE = "plugin.jsonl"
_RESET_VECTOR = 0
"""The number of the place where every attempt begins."""


class Looked(msgspec.Struct, tag="places", tag_field="type", frozen=True):
    """What was looked for, by number: once a run, before the first boot."""

    places: tuple[Place, ...]
    counts: bool
    """Whether instructions were counted."""
    note: str = ""
    """What of the guest's kernel could not be looked for; empty: nothing."""


class Passed(msgspec.Struct, tag="passed", tag_field="type", frozen=True):
    """One place, passed in one boot."""

    boot: int
    place: int
    time_ns: int
    """CLOCK_MONOTONIC, read in QEMU just before the instruction ran."""
    instructions: int
    """Run before it; 0 where they were not counted."""
    vcpu: int
    address: int


ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Looked | Passed)


def parse(line: bytes, boot: int) -> Passed | None:
    """Read a line of the plugin's; None for one that it cannot have written."""
    words = line.split()
    try:
        place, time_ns, instructions, vcpu = map(int, words[:4])
        return Passed(boot, place, time_ns, instructions, vcpu, int(words[4], 16))
    except (ValueError, IndexError):
        return None


class Meaning:
    """Gives what was passed its meaning, boot after boot."""

    def __init__(self, looked: Looked) -> None:
        self._looked = looked
        self._begun: set[int] = set()

    def of(self, passed: Passed) -> Iterator[Event]:
        """Give the events of one line; the reset vector, passed again, is a reset of the guest."""
        if not 0 <= passed.place < len(self._looked.places):
            return
        place = self._looked.places[passed.place]
        if passed.place == _RESET_VECTOR:
            if passed.boot in self._begun:
                yield Event(passed.time_ns, NAME, EventKind.RESET, passed.boot)
                return
            self._begun.add(passed.boot)
        fields: dict[str, int | str] = {
            "name": place.name,
            "event": place.event,
            "bound": place.bound.value,
        }
        if self._looked.counts:
            fields["instructions"] = passed.instructions
        yield Event(passed.time_ns, NAME, EventKind.PASSED, passed.boot, fields)


def events(raw: Path) -> Iterator[Event]:
    """Read the raw file of a run again; ``vm`` is the boot's index.

    Raises InputError where it is missing, CorruptFileError where it is damaged; a last line cut
    short by a killed writer is left out.
    """
    meaning: Meaning | None = None
    for record in records(raw / RAW_FILE, _DECODER):
        if isinstance(record, Looked):
            meaning = Meaning(record)
        elif meaning is not None:
            yield from meaning.of(record)


def notes(raw: Path) -> tuple[str, ...]:
    """Give what was noted when the source was armed. Raises as :func:`events` does."""
    first = next(iter(records(raw / RAW_FILE, _DECODER)), None)
    return (first.note,) if isinstance(first, Looked) and first.note else ()
