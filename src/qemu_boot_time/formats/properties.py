"""What ``systemctl show`` prints: ``NAME=VALUE`` lines, an empty line between two units."""

from collections.abc import Iterable, Iterator, Mapping

_NS_PER_US = 1000
_DIGITS = 18


def blocks(lines: Iterable[str]) -> Iterator[Mapping[str, str]]:
    """Give the properties of each unit; a line without ``=`` is left out."""
    block: dict[str, str] = {}
    for line in (*lines, ""):
        name, equals, value = line.partition("=")
        if equals:
            block[name] = value
        elif not line and block:
            yield block
            block = {}


def time_ns(properties: Mapping[str, str], name: str) -> int:
    """Give a ``...TimestampMonotonic`` in ns; 0, as systemd has it, where that never happened."""
    text = properties.get(name, "")
    known = text.isascii() and text.isdigit() and len(text) <= _DIGITS
    return int(text) * _NS_PER_US if known else 0
