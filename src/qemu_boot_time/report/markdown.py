"""A comment for a pull request, in GitHub's Markdown: what it comes to, phases, budgets, the rest folded.

Text of the guest and of the command line has every sign escaped, and what calls a person or names an
issue is broken: GitHub looks for those in the page, where a sign is a sign however it was written.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from qemu_boot_time.model import EXEC, Clock, Run
from qemu_boot_time.phases import TOTAL
from qemu_boot_time.report.comparison import undecided
from qemu_boot_time.report.parts import counted, ms, printable, unit
from qemu_boot_time.stats.intervals import median_interval
from qemu_boot_time.stats.judging import Judged, State
from qemu_boot_time.stats.moves import Moves
from qemu_boot_time.stats.quantities import mark_times, named_lengths
from qemu_boot_time.stats.summary import stats_of
from qemu_boot_time.stats.verdict import Verdict

# What is left as it is means nothing inside a line, once brackets, colons and "@" are gone.
_SIGNS = re.compile(r"[^\w .:,;+%=()/'-]|:(?! )|(?<![^\W_])_|_(?![^\W_])|(?<=www)\.")
_CALLS = re.compile(r"&#64;|&#35;|\bGH(?=-)")
"""What begins a mention or a reference, once escaped; in code there is neither."""
_BREAK = "<!-- -->"
_STATES = {
    State.HELD: "✅ held",
    State.BROKEN: "❌ broken",
    State.UNDECIDED: "❔ undecided",
    State.UNKNOWN: "❌ cannot be judged",
}
_PARTS = ("n", "median", "95 % interval", "min", "max")


class Against(NamedTuple):
    """What a run is compared with."""

    first: Run
    moves: Moves
    warnings: tuple[str, ...] = ()
    """What is not alike in the two."""


def to_markdown(
    run: Run,
    judged: Iterable[Judged],
    facts: Mapping[str, str],
    against: Against | None = None,
) -> str:
    """Render a run, and how far it lies from its baseline.

    ``facts`` are of what was measured, on what, by what.
    """
    judged = tuple(judged)
    lengths = named_lengths(run.boots, run.clock)
    lines = [
        *_heading(judged, f"{code(run.name)}: {_boots(run)}{_middle(run, lengths)}"),
        *_table(f"phase ({unit(run.clock)})", lengths, run.clock),
        *_notes(run),
        *_gates(judged),
        *([] if against is None else _baseline(run, against)),
        *_folded("Marks", _marks(run)),
        *_folded("Measured", _facts(facts)),
    ]
    return "\n".join(lines) + "\n"


def comparison_to_markdown(
    second: Run,
    against: Against,
    sentence: str,
    judged: Iterable[Judged],
    facts: Mapping[str, str],
) -> str:
    """Render two runs side by side; ``sentence`` says in words what it comes to."""
    judged = tuple(judged)
    lines = [
        *_heading(judged, escaped(sentence)),
        *_baseline(second, against),
        *_gates(judged),
        *_folded("Marks of the second", _marks(second)),
        *_folded("Measured", _facts(facts)),
    ]
    return "\n".join(lines) + "\n"


# --- text from elsewhere ----------------------------------------------------------------------


def escaped(text: str) -> str:
    """Make text from elsewhere a piece of Markdown that shows just this text, and calls nobody."""
    return _CALLS.sub(lambda found: found[0] + _BREAK, _entities(text))


def code(text: str) -> str:
    """Show text from elsewhere as code: in it nothing is a mention, a reference or a link."""
    return f"<code>{_entities(text)}</code>"


def _entities(text: str) -> str:
    return _SIGNS.sub(lambda found: f"&#{ord(found[0])};", printable(text))


# --- parts ------------------------------------------------------------------------------------


def _heading(judged: Sequence[Judged], sentence: str) -> Iterator[str]:
    yield f"### Boot time{': ' if judged else ''}{_sum_of(judged)}"
    yield from ("", f"**{sentence}**", "")


def _sum_of(judged: Sequence[Judged]) -> str:
    """Say what all budgets come to; nothing where there are none."""
    broken = sum(each.breaks for each in judged)
    open_ = sum(each.state is State.UNDECIDED for each in judged)
    if broken:
        return f"❌ {broken} of {len(judged)} budgets broken"
    if open_:
        return f"❔ no budget broken, {open_} of {len(judged)} undecided"
    return "✅ all budgets held" if judged else ""


def _boots(run: Run) -> str:
    return counted(len(run.boots), sum(not boot.ok for boot in run.boots))


def _middle(run: Run, lengths: Mapping[str, Mapping[int, int]]) -> str:
    values = list(lengths.get(TOTAL, {}).values())
    if not values:
        return ""
    middle = _number(stats_of(values).median, run.clock)
    return f", median total {middle} {unit(run.clock)}"


def _table(title: str, rows: Mapping[str, Mapping[int, int]], clock: Clock) -> Iterator[str]:
    if not rows:
        return
    yield from _head(title, _PARTS)
    for name, by_boot in rows.items():
        values = list(by_boot.values())
        stats, interval = stats_of(values), median_interval(values)
        between = (
            f"{_number(interval.low, clock)} to {_number(interval.high, clock)}" if interval else ""
        )
        least, most = _number(stats.min, clock), _number(stats.max, clock)
        yield _row(code(name), stats.n, _number(stats.median, clock), between, least, most)
    yield ""


def _baseline(second: Run, against: Against) -> Iterator[str]:
    first = against.first
    yield f"First {code(first.name)}, {_boots(first)}; second {code(second.name)}, {_boots(second)}."
    yield ""
    yield from _changes(against.moves)
    for warning in against.warnings:
        yield from (f"⚠️ {escaped(warning)}", "")


def _changes(moves: Moves) -> Iterator[str]:
    yield from _head(
        f"phase ({unit(moves.clock)})", ("first", "second", "shift", "95 % interval", "verdict")
    )
    for change in moves.phases:
        share = None if change.shift is None else change.percent(change.shift)
        percent = "" if share is None else f" ({share:+.2f} %)"
        shift = "" if change.shift is None else _number(change.shift, moves.clock, "+") + percent
        ends = change.interval
        between = (
            f"{_number(ends.low, moves.clock, '+')} to {_number(ends.high, moves.clock, '+')}"
            if ends
            else ""
        )
        sides = ["" if m is None else _number(round(m), moves.clock) for m in change.medians]
        yield _row(code(change.name), *sides, shift, between, change.verdict)
    yield ""
    for line in _undecided(moves):
        yield from (line, "")


def _undecided(moves: Moves) -> Iterator[str]:
    """Say why nothing is shown, and what would."""
    if moves.clock is Clock.INSTRUCTIONS:
        open_ = [change for change in moves.phases if change.verdict is Verdict.UNDECIDED]
        yield from (f"undecided: {code(change.name)}: {escaped(change.reason)}" for change in open_)
        return
    total = next((change for change in moves.phases if change.name == TOTAL), None)
    if total is not None:
        yield from undecided(total, (each for each in moves.phases if each is not total), code)


def _gates(judged: Sequence[Judged]) -> Iterator[str]:
    if not judged:
        return
    yield from ("| budget | | |", "|---|---|---|")
    for each in judged:
        yield _row(code(each.gate.words), _STATES[each.state], escaped(each.line))
    yield ""


def _marks(run: Run) -> list[str]:
    times = mark_times(run.boots, run.clock)
    ordered = sorted(times, key=lambda name: stats_of(list(times[name].values())).median)
    since = f" since {EXEC}" if run.clock is Clock.TIME else ""
    title = f"mark ({unit(run.clock)}{since})"
    return list(_table(title, {name: times[name] for name in ordered}, run.clock))


def _notes(run: Run) -> Iterator[str]:
    """Say what a reader of the table must know: what watching cost is among it, where it was measured."""
    yield from (f"- {escaped(note)}" for note in run.notes)
    yield from [""] if run.notes else []


def _facts(facts: Mapping[str, str]) -> list[str]:
    rows = [_row(escaped(name), code(value)) for name, value in facts.items() if value]
    return ["| | |", "|---|---|", *rows, ""] if rows else []


def _folded(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield from (f"<details><summary>{title}</summary>", "", *lines, "</details>", "")


def _head(title: str, columns: Iterable[str]) -> Iterator[str]:
    columns = list(columns)
    yield _row(title, *columns)
    yield "|---|" + "---:|" * len(columns)


def _row(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def _number(value: int, clock: Clock, sign: str = "") -> str:
    if clock is Clock.TIME:
        return ("+" if sign and value >= 0 else "") + ms(value)
    return f"{value:{sign},}"
