"""Runs with all that a page shows, and what is on a page."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from typing import Any

import msgspec

from boots import marks
from qemu_boot_time.exits import Counter, CounterSample, ExitKind
from qemu_boot_time.model import (
    Alignment,
    Boot,
    Inside,
    Outcome,
    Phase,
    Profile,
    Purpose,
    Run,
    Span,
)
from qemu_boot_time.phases import Rules, boot_of_marks
from qemu_boot_time.report.exits import row_name
from qemu_boot_time.report.html.tables import COLUMNS, EXIT_COLUMNS, PART_COLUMNS
from qemu_boot_time.stats.exits import ExitRow
from qemu_boot_time.stats.quantities import Place, names_of

MS = 10**6
EVIL = "</script><script>window.caught = 1</script><img src=x onerror='window.caught = 1'>"
"""What a guest may print, or call its units."""
_RULES = Rules(phases={"to_user": ("fw_start", "linux_start_user")})


def boot(index: int, kernel_ms: float) -> Boot:
    """Make a boot: 30 ms of QEMU in two parts, 2 ms of nobody, 8 ms of firmware, then the kernel."""
    seen = marks(
        qemu_init_end=30 * MS,
        fw_start=32 * MS,
        fw_do_boot=40 * MS,
        linux_start_boot=40 * MS,
        linux_start_kernel=60 * MS,
        linux_start_user=60 * MS + round(kernel_ms * MS),
    )
    made = boot_of_marks(seen, index=index, rules=_RULES)
    parts = (
        Phase("devices", "exec", "loading", 0, 20 * MS),
        Phase("loading", "loading", "qemu_init_end", 20 * MS, 30 * MS),
    )
    return replace(made, exec_ns=0, parts=parts)


def page_run(kernels_ms: Sequence[float], *, name: str = "night") -> Run:
    """Make a run of these kernels and of one boot that got nowhere, with text of a bad guest in it."""
    boots = [boot(i, kernel) for i, kernel in enumerate(kernels_ms)]
    stuck = Boot(len(boots), 0, Outcome.TIMEOUT, message=f"stuck {EVIL}")
    return Run(
        name,
        (*boots, stuck),
        sources=("perf_event",),
        command=("qemu-system-x86_64", "-append", EVIL),
        notes=(f"note {EVIL}",),
        host={"cpu_model": "A CPU", "governors": ["performance"], "aslr": None},
        inside=tuple(map(inside, boots[:1])),
        profiles=tuple(map(profile, boots[:1])),
    )


def inside(of: Boot) -> Inside:
    """Look inside: a stage and an initcall with a bad name."""
    spans = (
        Span("kernel", 60 * MS, 90 * MS, "", "kmsg"),
        Span(EVIL, 61 * MS, 63 * MS, "kernel", "trace_event"),
    )
    return Inside(
        Purpose.INITCALLS, of, spans, Alignment(25_000, first_ns=60 * MS), ("no modules",)
    )


def profile(of: Boot) -> Profile:
    """Count exits: of a device and of one that nobody knows."""
    counters = (
        Counter(
            "firmware", ExitKind.PORT_READ, 412_000, 824_000, "fw_cfg", "fwcfg", "EXIT_IOIO",
            (0x510, 0x511), 5 * MS,
        ),
        Counter("kernel", ExitKind.OTHER, 7, 7, reason="EXIT_HLT", outside_ns=3),
    )  # fmt: skip
    samples = (CounterSample(32 * MS, "fw_cfg", 1), CounterSample(39 * MS, "fw_cfg", 412_000))
    return Profile(of, counters, samples, notes=("page faults are not told of",))


@dataclass
class Page(HTMLParser):
    """What is on a page: tables by their heading, text, the data of its script."""

    tables: list[list[list[str]]] = field(default_factory=list)
    """Each a list of rows of cells; a number is what it is exactly, in ns."""
    text: list[str] = field(default_factory=list)
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    script: str = ""
    embedded: str = ""

    def __post_init__(self) -> None:
        """Begin as a parser does."""
        super().__init__()

    @classmethod
    def of(cls, content: str | bytes) -> "Page":
        """Read a page."""
        assert isinstance(content, str)
        page = cls()
        page.feed(content)
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a table, a row, a cell."""
        if tag == "wbr":  # it holds nothing, and the text goes on
            return
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in {"th", "td"}:
            self.tables[-1][-1].append("")
        elif tag == "data":
            self.tables[-1][-1][-1] = f"={found['value']}"

    def handle_data(self, data: str) -> None:
        """Take text."""
        tag, attributes = self.tags[-1] if self.tags else ("", {})
        if tag == "script":
            kept = "embedded" if "type" in attributes else "script"
            setattr(self, kept, getattr(self, kept) or data)
            return
        self.text.append(data)
        if tag in {"th", "td"}:
            self.tables[-1][-1][-1] += data.strip()

    @property
    def data(self) -> Any:
        """What the script draws."""
        return json.loads(self.embedded)

    def table(self, heading: str) -> dict[str, list[str]]:
        """Give the first table whose first heading begins so: name of a row to its cells."""
        found = next(rows for rows in self.tables if rows[0][0].startswith(heading))
        return {name: cells for name, *cells in found}


# --- numbers, on a page and in a document -------------------------------------------------------

_NAMES = ("n", "median_ns", "median_low_ns", "median_high_ns", "mean_ns", "min_ns", "max_ns")
_PART_NAMES = ("n", "median_ns", "mean_ns", "min_ns", "max_ns")
_TABLES = ("phase (ms)", "mark (ms since exec)", "part of ", "exits in ")
"""Headings: what they begin with."""
_OTHER_COLUMNS = {_TABLES[2]: PART_COLUMNS, _TABLES[3]: EXIT_COLUMNS}

Numbers = dict[str, dict[str, list[str]]]
"""Table to name of a row to its cells."""


def numbers_of_page(page: Page) -> Numbers:
    """Give what the tables of one run hold, without the percentiles."""
    found = {heading: _body(page, heading) for heading in _TABLES}
    for heading, counted in ((_TABLES[0], 7), (_TABLES[1], 7), (_TABLES[3], 3)):
        found[heading] = {name: cells[:counted] for name, cells in found[heading].items()}
    return found


def _body(page: Page, heading: str) -> dict[str, list[str]]:
    tables = [rows for rows in page.tables if rows[0][0].startswith(heading)]
    return {
        _row_of(rows, name): _whole(rows, cells) for rows in tables for name, *cells in rows[1:]
    }


def _whole(rows: list[list[str]], cells: list[str]) -> list[str]:
    """Give a row the columns again of which its table knows nothing."""
    known = dict(zip(rows[0][1:], cells, strict=True))
    heading = next((each for each in _OTHER_COLUMNS if rows[0][0].startswith(each)), "")
    return [known.get(column, "") for column in _OTHER_COLUMNS.get(heading, COLUMNS)]


def _row_of(rows: list[list[str]], name: str) -> str:
    """Name a row of exits by its phase, too."""
    heading = rows[0][0]
    if not heading.startswith(_TABLES[3]):
        return name
    return f"{heading.removeprefix(_TABLES[3]).partition(' (')[0]}: {name}"


def numbers_of_json(document: Any) -> Numbers:
    """Give the same of what ``--json`` prints."""
    summary = document["summary"]
    profile = document.get("profile") or {"phases": []}
    return {
        _TABLES[0]: {name: _exact(row, _NAMES) for name, row in phases_of(summary).items()},
        _TABLES[1]: {row["name"]: _exact(row, _NAMES) for row in summary["marks"]},
        _TABLES[2]: {row["name"]: _exact(row, _PART_NAMES) for row in summary["parts"]},
        _TABLES[3]: {
            f"{phase['phase']}: {row_name(msgspec.convert(row, ExitRow))}": _exits(row)
            for phase in profile["phases"]
            for row in phase["rows"]
        },
    }


def phases_of(summary: Any) -> dict[str, Any]:
    """Give the rows of a summary's phases, and of what they leave of a total, by their names."""
    rows = {
        Place(row["name"], row["begin"], row["end"]): row
        for row in [*summary["phases"], *summary["unaccounted"]]
    }
    return {name: rows[place] for place, name in names_of(rows).items()}


def _exact(row: Any, names: Sequence[str]) -> list[str]:
    return ["" if row.get(name) is None else f"={row[name]}" for name in names]


def _exits(row: Any) -> list[str]:
    exits, accesses = (f"={row[name]['median']}" for name in ("exits", "accesses"))
    return [
        exits,
        accesses if row["kind"] != ExitKind.OTHER else "",
        f"={row['outside_ns']['median']}" if row["outside_ns"] else "",
    ]
