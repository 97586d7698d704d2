"""Charts as Vega-Lite specifications: pure values, drawn by a page or by a library.

A specification names its data and holds none; :func:`filled` puts rows into it. Colours are the
names of CSS variables, so that a page can be light or dark; :func:`coloured` writes colours out for a
picture. Rows hold times in nanoseconds, axes show milliseconds.
"""

from qemu_boot_time.report.charts.changes import changes
from qemu_boot_time.report.charts.exits import exits, exits_over_time
from qemu_boot_time.report.charts.parts import COLOURS, UNITS, Spec, coloured, filled, stacked
from qemu_boot_time.report.charts.spread import distribution
from qemu_boot_time.report.charts.waterfall import KINDS, STEP, waterfall

__all__ = [
    "COLOURS",
    "KINDS",
    "STEP",
    "UNITS",
    "Spec",
    "changes",
    "coloured",
    "distribution",
    "exits",
    "exits_over_time",
    "filled",
    "stacked",
    "waterfall",
]
