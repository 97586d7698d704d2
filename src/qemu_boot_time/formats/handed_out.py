"""What a guest that is looked into hands out: text in sections, each begun by a line ``@NAME``.

guest/inside.c writes ``clock`` (in ns: how fine CLOCK_MONOTONIC is, then its readings), ``kmsg`` and ``end``; the rest is
what guest/inside.service asks systemd for. A section may come more than once.
"""

from typing import NamedTuple

NAMES = frozenset({"clock", "tsc", "kmsg", "trace", "manager", "units", "time", "blame", "end"})
UNIT = "qbt-inside.service"
"""What asks systemd: a unit of the guest's for as long as it is looked into."""
LARGEST_BYTES = 64 << 20
"""No guest has so much to say of its boot; what comes after is not read."""


class Section(NamedTuple):
    """A part of what was handed out."""

    name: str
    lines: tuple[str, ...]
    """In the guest's words: anything may be in them; what is no UTF-8 is escaped."""


def sections(data: bytes) -> tuple[Section, ...]:
    """Part what was handed out; what comes before the first section is nobody's and left out."""
    found: list[tuple[str, list[str]]] = []
    for line in data[:LARGEST_BYTES].decode(errors="backslashreplace").split("\n"):
        if line.startswith("@") and line[1:] in NAMES:
            found.append((line[1:], []))
        elif found:
            found[-1][1].append(line)
    return tuple(Section(name, tuple(lines)) for name, lines in found)
