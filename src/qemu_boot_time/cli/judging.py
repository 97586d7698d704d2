"""What a run comes to by its budgets, and who is told of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qemu_boot_time import __version__
from qemu_boot_time.cli.gating import Gating
from qemu_boot_time.errors import ExitStatus
from qemu_boot_time.model import Run
from qemu_boot_time.stats.judging import Judged, judge
from qemu_boot_time.stats.moves import Moves, moves_between
from qemu_boot_time.stats.verdict import Margin


@dataclass(frozen=True, slots=True)
class Judgement:
    """A run that was judged."""

    run: Run
    judged: tuple[Judged, ...] = ()
    """One a budget."""
    sides: tuple[Run, Moves] | None = None
    """The first side and how far the run lies from it, where the command has two sides."""
    sentence: str = ""
    """What the comparison of the two comes to."""

    @property
    def breaks(self) -> bool:
        """Whether the answer is no."""
        return any(each.breaks for each in self.judged)


def judged_run(gating: Gating, run: Run) -> Judgement:
    """Judge a run, and against its baseline where a budget asks for that."""
    first = gating.opened
    moves = None if first is None else _moves(first, run, gating.margin)
    return Judgement(run, judge(gating.gates, run, moves))


def judged_sides(
    gating: Gating, first: Run, second: Run, *, margin: Margin, sentence: str
) -> Judgement:
    """Judge the second of two sides, the first of which is its baseline."""
    moves = _moves(first, second, margin)
    return Judgement(second, judge(gating.gates, second, moves), (first, moves), sentence)


def _moves(first: Run, second: Run, margin: Margin) -> Moves:
    return moves_between(first, second, margin, doubts(first, second))


def doubts(first: Run, second: Run) -> tuple[str, ...]:
    """Give why a run may not be compared with its baseline; a budget that compares is broken then.

    Whatever judges whether two runs are alike is asked here, and nowhere else.
    """
    del first, second
    return ()


def lines(judgement: Judgement, *, every: bool) -> list[str]:
    """Give what a person reads below the table: one line for each budget that is not kept."""
    if not judgement.judged:
        return []
    from qemu_boot_time.report.gates import gate_lines

    return list(gate_lines(judgement.judged, every=every))


def document(judgement: Judgement) -> Mapping[str, Any]:
    """Give what a JSON document has beside the rest: ``gates``, where there are any."""
    if not judgement.judged:
        return {}
    from qemu_boot_time.report.gates import gate_documents

    return {"gates": gate_documents(judgement.judged)}


def status_of(judgements: Iterable[Judgement], otherwise: int = ExitStatus.DONE) -> int:
    """Give the exit status: a boot that failed comes before a budget that broke."""
    if otherwise == ExitStatus.DONE and any(each.breaks for each in judgements):
        return ExitStatus.NO
    return otherwise


# --- files ------------------------------------------------------------------------------------


def write_reports(gating: Gating, judgements: Iterable[Judgement]) -> None:
    """Write the files that were asked for: one document of each, for all configurations."""
    judgements = tuple(judgements)
    if gating.junit is not None:
        from qemu_boot_time.report.junit import Suite, to_junit

        suites = [Suite(each.run, each.judged, facts_of(each.run)) for each in judgements]
        gating.junit.write_text(to_junit(suites), encoding="utf-8")
    if gating.markdown is not None and not gating.prints_markdown:
        gating.markdown.write_text(markdown(judgements), encoding="utf-8")


def markdown(judgements: Iterable[Judgement]) -> str:
    """Give the comment for a pull request."""
    return "\n".join(map(_markdown, judgements))


def _markdown(judgement: Judgement) -> str:
    from qemu_boot_time.report.markdown import comparison_to_markdown, to_markdown

    run, facts = judgement.run, facts_of(judgement.run)
    if judgement.sides is None:
        return to_markdown(run, judgement.judged, facts)
    first, moves = judgement.sides
    return comparison_to_markdown((first, run), moves, judgement.sentence, judgement.judged, facts)


def facts_of(run: Run) -> dict[str, str]:
    """Say what was measured, on what, and by what; empty where nobody knows."""
    host = _host_of(run)
    return {
        "command": " ".join(run.command),
        "accelerator": run.accelerator,
        "seen by": ", ".join(run.sources),
        "host kernel": str(host.get("kernel") or ""),
        "CPU": str(host.get("cpu_model") or ""),
        "qbt": __version__,
    }


def _host_of(run: Run) -> Mapping[str, Any]:
    from qemu_boot_time.store.facts import RUN_FILE, read_facts

    is_kept = bool(run.path) and (Path(run.path) / RUN_FILE).is_file()
    return read_facts(Path(run.path))[0].host if is_kept else {}
