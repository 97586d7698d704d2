"""What a run comes to by its budgets, and who is told of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from qemu_boot_time.cli.alike import require_alike
from qemu_boot_time.cli.files import write_all
from qemu_boot_time.cli.gating import Gating
from qemu_boot_time.errors import ExitStatus, QbtError
from qemu_boot_time.model import Run
from qemu_boot_time.report.facts import facts_of
from qemu_boot_time.stats.compare import Comparison
from qemu_boot_time.stats.gates import compared_by
from qemu_boot_time.stats.judging import Judged, judge
from qemu_boot_time.stats.moves import Moves, moves_between, nothing_shown
from qemu_boot_time.stats.verdict import Margin


@dataclass(frozen=True, slots=True)
class Judgement:
    """A run that was judged."""

    run: Run
    judged: tuple[Judged, ...] = ()
    """One a budget."""
    warnings: tuple[str, ...] = ()
    """What is not alike in the run and its baseline, where the user has insisted."""
    first: Run | None = None
    """The baseline, or the other side."""
    moves: Moves | None = None
    """How far the run lies from it."""
    sentence: str = ""
    """What comparing the two comes to, where the command has two sides."""

    @property
    def breaks(self) -> bool:
        """Whether the answer is no."""
        return any(each.breaks for each in self.judged)


def judged_run(gating: Gating, run: Run) -> Judgement:
    """Judge a run, and against its baseline where a budget asks for that.

    Sides that do not mean the same are no error here: a budget that compares them is broken.
    """
    first = gating.opened
    if first is None:
        return Judgement(run, judge(gating.gates, run))
    try:
        warnings = require_alike(first, run, insisted=gating.insisted)
    except QbtError as refusal:
        moves = nothing_shown(f"{refusal.what} ({refusal.hint})")
        return Judgement(run, judge(gating.gates, run, moves))
    moves = moves_between(first, run, compared_by(gating.gates))
    return Judgement(run, judge(gating.gates, run, moves), warnings, first, moves)


def judged_sides(
    gating: Gating,
    sides: tuple[Run, Run],
    *,
    sentence: str,
    margin: Margin,
    found: Comparison | None = None,
    warnings: tuple[str, ...] = (),
    configurations: int = 1,
) -> Judgement:
    """Judge the second of two sides, the first of which is its baseline.

    Both are known to be alike, but for ``warnings``; ``sentence`` says in words what comparing them
    came to, ``found`` in numbers where they are times, and ``margin`` is that of counts. Budgets of all
    ``configurations`` are one family.
    """
    first, second = sides
    named = compared_by(gating.gates)
    moves = moves_between(first, second, named, found=found, times=configurations, margin=margin)
    judged = judge(gating.gates, second, moves)
    return Judgement(second, judged, warnings, first, moves, sentence)


def lines(judgement: Judgement, *, every: bool) -> list[str]:
    """Give what a person reads below the table: one line for each budget that is not kept."""
    if not judgement.judged:
        return []
    from qemu_boot_time.report.gates import gate_lines

    return list(gate_lines(judgement.judged, every=every))


def warnings_of(judgement: Judgement) -> list[str]:
    """Give a line for each thing that is not alike in a run and its baseline."""
    if not judgement.warnings:
        return []
    from qemu_boot_time.report.parts import printable

    return [f"warning: baseline: {printable(each)}" for each in judgement.warnings]


def document(judgement: Judgement) -> dict[str, Any]:
    """Give what a JSON document has beside the rest: ``gates``, where there are any."""
    if not judgement.judged:
        return {}
    from qemu_boot_time.report.gates import gate_documents

    return {"gates": gate_documents(judgement.judged)}


def baseline_document(judgement: Judgement) -> dict[str, Any]:
    """Give the ``baseline`` that budgets asked for, where they did."""
    if judgement.first is None:
        return {}
    from qemu_boot_time.report.json import plain

    warnings = [plain(each) for each in judgement.warnings]
    return {"baseline": {"name": plain(judgement.first.name), "warnings": warnings}}


def status_of(judgements: Iterable[Judgement], otherwise: int = ExitStatus.DONE) -> int:
    """Give the exit status: a boot that failed comes before a budget that broke."""
    if otherwise == ExitStatus.DONE and any(each.breaks for each in judgements):
        return ExitStatus.NO
    return otherwise


# --- files ------------------------------------------------------------------------------------


def write_reports(gating: Gating, judgements: Iterable[Judgement]) -> None:
    """Write the files that were asked for, or none: one document of each, for all configurations."""
    judgements = tuple(judgements)
    files = []
    if gating.junit is not None:
        from qemu_boot_time.report.junit import Suite, to_junit

        suites = [Suite(each.run, each.judged, _properties(each)) for each in judgements]
        files.append((gating.junit, to_junit(suites)))
    if gating.markdown is not None and not gating.prints_markdown:
        files.append((gating.markdown, markdown(judgements)))
    write_all(files)


def _properties(judgement: Judgement) -> dict[str, str]:
    warnings = "; ".join(judgement.warnings)
    return {**facts_of(judgement.run), **({"warnings": warnings} if warnings else {})}


def markdown(judgements: Iterable[Judgement]) -> str:
    """Give the comment for a pull request."""
    return "\n".join(map(_markdown, judgements))


def _markdown(judgement: Judgement) -> str:
    from qemu_boot_time.report.markdown import Against, comparison_to_markdown, to_markdown

    run, facts = judgement.run, facts_of(judgement.run)
    if judgement.first is None or judgement.moves is None:
        return to_markdown(run, judgement.judged, facts)
    against = Against(judgement.first, judgement.moves, judgement.warnings)
    if not judgement.sentence:
        return to_markdown(run, judgement.judged, facts, against)
    return comparison_to_markdown(run, against, judgement.sentence, judgement.judged, facts)
