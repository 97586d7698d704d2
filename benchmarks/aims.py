"""How often something happened in many draws, and how often it was to."""

import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from common import table


@dataclass(frozen=True, slots=True)
class Aim:
    """Between which shares a figure is to lie."""

    least: float = 0.0
    most: float = 1.0

    def __str__(self) -> str:
        if self.least == 0.0:
            return f"<= {self.most:.0%}"
        return f">= {self.least:.0%}" if self.most == 1.0 else f"{self.least:.0%}-{self.most:.0%}"


@dataclass(frozen=True, slots=True)
class Figure:
    """In how many of all draws something was so."""

    what: str
    found: float | str
    """A share; or a text, where it is none."""
    aim: Aim | str = ""
    """A text: the very value that is expected; empty: nobody has promised anything."""

    @property
    def missed(self) -> bool:
        """Whether there is an aim that it does not reach."""
        if isinstance(self.aim, Aim) and not isinstance(self.found, str):
            return not self.aim.least <= self.found <= self.aim.most
        return bool(self.aim) and self.found != self.aim

    def row(self) -> tuple[str, str, str, str]:
        """Give it as a line of a table."""
        found = self.found if isinstance(self.found, str) else f"{self.found:.1%}"
        verdict = ("miss" if self.missed else "PASS") if self.aim else ""
        return self.what, found, str(self.aim), verdict


@dataclass(frozen=True, slots=True)
class Draws:
    """What a section draws from, and how often."""

    rng: np.random.Generator
    count: int
    real: Mapping[str, Any]
    """Arrays of nanoseconds by the system's name; empty: only what is made up."""

    def share(self, happens: Callable[[], bool], times: int | None = None) -> float:
        """Try it so often, and give the share of those in which it was so."""
        count = times or self.count
        return sum(happens() for _ in range(count)) / count


@dataclass(frozen=True, slots=True)
class Part:
    """One table, and what has to be known to read it."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    missed: tuple[str, ...] = ()
    """What is not as it was to be."""

    def __str__(self) -> str:
        return f"{textwrap.fill(self.title, 80)}\n\n{table(self.headings, self.rows)}"


def part(title: str, figures: Iterable[Figure]) -> Part:
    """Lay out figures beside their aims."""
    figures = list(figures)
    return Part(
        title,
        ("what", "found", "aim", ""),
        tuple(figure.row() for figure in figures),
        tuple(figure.what for figure in figures if figure.missed),
    )
