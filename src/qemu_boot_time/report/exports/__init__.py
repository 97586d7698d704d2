"""Files that others read: runs in, text or bytes out; one format a module, one row a format."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from qemu_boot_time.model import Run

Export = Callable[[Sequence[Run]], str | bytes]
"""Renders runs, at least one, whose names differ.

Raises InputError for a run that holds nothing to render, HostError where a library is missing.
"""


class Pair(NamedTuple):
    """Two runs that mean the same, but for ``warnings``."""

    first: Run
    second: Run
    warnings: tuple[str, ...] = ()


ExportPair = Callable[[Pair], str | bytes]
"""Renders two runs as an answer to what has changed; raises as an :data:`Export` does."""


class Holds(StrEnum):
    """What a file of a format is made of."""

    TEXT = "text"
    BYTES = "bytes"
    """Nothing for a terminal."""


class Takes(StrEnum):
    """How many runs go into one file."""

    ONE = "one"
    SEVERAL = "several"


class Pairs(StrEnum):
    """What becomes of two runs in one file."""

    APART = "apart"
    COMPARED = "compared"
    """They are an A and a B, and must be alike; the module holds ``export_pair``, too."""


class Totals(StrEnum):
    """Which boots that count are in a file, where they end at different marks."""

    ALL = "all"
    MOST = "most"
    """Those that end where most do: it has one total a run."""


class Needs(StrEnum):
    """What a format is rendered with that is handed in, for to get it is not a report's business.

    It may take its time, so what is handed in is what gives it.
    """

    NOTHING = "nothing"
    LIBRARY = "library"
    """What gives the script that draws charts, by this name."""
    PEN = "pen"
    """A :data:`qemu_boot_time.host.drawing.Pen`."""


class Format(NamedTuple):
    """One format."""

    help: str
    """For the command line: what is in it, or who reads it."""
    holds: Holds = Holds.TEXT
    takes: Takes = Takes.SEVERAL
    pairs: Pairs = Pairs.APART
    needs: Needs = Needs.NOTHING
    totals: Totals = Totals.ALL


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "csv": Format("A row a boot, a column a mark in ms: what qbt reads.", takes=Takes.ONE),
        "parquet": Format("Every boot, mark and phase, for pandas, Polars, DuckDB.", Holds.BYTES),
        "perfetto": Format("A trace for ui.perfetto.dev: a process a boot.", Holds.BYTES),
        "folded": Format("Stacks for flame graphs, in ns."),
        "hyperfine": Format("JSON as hyperfine exports it.", totals=Totals.MOST),
        "pyperf": Format("JSON as pyperf keeps it."),
        "bmf": Format("JSON for Bencher (Bencher Metric Format)."),
        "otava": Format("CSV for Apache Otava: a row a run."),
        "openmetrics": Format("Text for Prometheus and what reads OpenMetrics."),
        "markdown": Format("Tables for a pull request.", pairs=Pairs.COMPARED),
        "html": Format(
            "A page with charts: one file, for any browser.",
            pairs=Pairs.COMPARED,
            needs=Needs.LIBRARY,
        ),
        "svg": Format(
            "The page's charts as a picture: waterfall, distributions.",
            pairs=Pairs.COMPARED,
            needs=Needs.PEN,
        ),
        "png": Format("The same, in pixels.", Holds.BYTES, pairs=Pairs.COMPARED, needs=Needs.PEN),
    }
)
"""Name of the option to format; the module of the same name in this package holds ``export``."""


def exporter(name: str, **handed: Callable[..., Any]) -> Export:
    """Give what renders this format of :data:`FORMATS`, with what it needs handed in by name."""
    return partial(importlib.import_module(f"{__name__}.{name}").export, **handed)


def pair_exporter(name: str, **handed: Callable[..., Any]) -> ExportPair:
    """Give what renders two runs in a format of :data:`FORMATS` whose pairs are compared."""
    return partial(importlib.import_module(f"{__name__}.{name}").export_pair, **handed)
