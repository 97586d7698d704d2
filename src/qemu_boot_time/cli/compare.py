"""``qbt compare``: whether the second of two runs is faster, and which phase carries it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from qemu_boot_time.cli import completing, judging, options
from qemu_boot_time.cli.alike import insisting_options, require_alike
from qemu_boot_time.cli.effect import refuse_measuring, refuse_reading, refuse_unit
from qemu_boot_time.cli.gating import Gating, gate_options_of_two_sides
from qemu_boot_time.cli.how_often import how_often_options
from qemu_boot_time.cli.misplaced import TakesTwo
from qemu_boot_time.cli.numbers import WholeNumber
from qemu_boot_time.cli.output import note, screen, typed
from qemu_boot_time.cli.side_by_side import measure_sides
from qemu_boot_time.cli.wanted import Wanted, check_budgets, measuring_options
from qemu_boot_time.errors import ExitStatus, InputError, QbtError, UsageError
from qemu_boot_time.inputs import Options, open_configurations, open_input
from qemu_boot_time.model import Clock, Run
from qemu_boot_time.stats import exact
from qemu_boot_time.stats.compare import Comparison, compare, in_family
from qemu_boot_time.stats.verdict import Margin, Verdict

_EXAMPLES = """\b
Examples:
  qbt compare -n 30 --until linux_start_user \\
      --a 'qemu-system-x86_64 -accel kvm -kernel bzImage.old ...' \\
      --b 'qemu-system-x86_64 -accel kvm -kernel bzImage.new ...'
  qbt compare before after                 two kept runs, by path or id
  qbt compare baseline.json last           what qbt show --json has written
  qbt compare a.data b.data --until linux_start_user --margin 2%
  qbt compare old.txt new.txt --unit us    one total a line
  qbt compare t.txt:1:us t.txt:2:us --same-definition
  qbt compare old/ new/                    each run of one name by itself
  qbt compare --fail-if 'kernel slower than 2%' --junit qbt.xml before after
"""


@dataclass(frozen=True, slots=True)
class _Pair:
    """One configuration, on both sides."""

    name: str
    """Empty: it is the only one."""
    first: Run
    second: Run
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Rules:
    """By what pairs are judged."""

    margin: Margin
    of_counts: Margin
    """Counts do not wobble, so theirs is none unless the user names one."""
    gating: Gating
    configurations: int
    """So many pairs."""
    waterfall: bool = False
    """A picture of the phases, below each table."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came of comparing one pair."""

    name: str
    verdict: Verdict
    sentence: str
    text: str
    document: dict[str, Any]
    judgement: judging.Judgement


@click.command("compare", cls=TakesTwo, epilog=_EXAMPLES)
@click.argument("inputs", nargs=-1, metavar="[FIRST SECOND]", shell_complete=completing.inputs)
@click.option("--a", "first", metavar="CMD", help="Measure this QEMU command now, as the first...")
@click.option("--b", "second", metavar="CMD", help="... and this one as the second, in turn.")
@how_often_options(30, of=" each")
@click.option("--seed", type=WholeNumber(0), metavar="N", help="Of the order of the boots.")
@measuring_options
@options.margin_option
@insisting_options
@options.unit_option
@options.json_option
@options.waterfall_option
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help="Show budgets that are kept, too; with --a and --b what is added to QEMU.",
)
@gate_options_of_two_sides
@click.pass_context
def command(
    context: click.Context,
    *,
    inputs: tuple[str, ...],
    first: str | None,
    second: str | None,
    wanted: Wanted,
    margin: Margin,
    same_definition: bool,
    anyway: bool,
    unit: str,
    as_json: bool,
    waterfall: bool,
    gating: Gating,
) -> int:
    """Say whether the second of two runs is faster or slower, and which phase carries it.

    FIRST and SECOND are runs, recordings, tables, lists of totals or documents of --json; or two
    directories of them, and then what has the same name in both is compared. With --a and --b both
    are measured now, in turn, and kept as runs. The shift is the median of all differences between a
    boot of the second and one of the first. SAME: the 95% interval of the shift lies within
    --margin. FASTER or SLOWER: the rank test and the interval say so, with the phases corrected for
    their number. Else UNDECIDED, and how many more boots would settle it. Runs in instructions need
    one boot a side. Budgets are of the second side, with the first as baseline. Exit status 1: it
    is SLOWER, or, where there are budgets, one is broken; 4: a boot failed.
    """
    given = {"--same-definition": same_definition, "--anyway": anyway}
    insisted = [option for option, is_given in given.items() if is_given]
    reading = Options(unit, wanted.rules, wanted.vmm)
    if first is not None and second is not None and not inputs:
        refuse_unit(context)
        check_budgets(gating, wanted)
        sides = _measured((first, second), wanted)
    else:
        _require_both(first, second)
        refuse_measuring(context)
        sides = _two(inputs, (first, second))
    pairs = [
        _Pair(name, one, other, _alike(name, one, other, insisted))
        for name, one, other in _sides(sides, reading)
    ]
    if inputs:
        refuse_reading(context, inputs)
    said = context.get_parameter_source("margin") is ParameterSource.COMMANDLINE
    of_counts = margin if said else exact.NO_MARGIN
    rules = _Rules(margin, of_counts, gating, len(pairs), waterfall)
    answers = _answers(pairs, rules)
    _print(answers, gating, as_json=as_json, every_budget=wanted.verbose)
    judgements = [answer.judgement for answer in answers]
    judging.write_reports(gating, judgements)
    return judging.status_of(judgements, _status(pairs, answers, gating))


def _print(
    answers: Sequence[_Answer], gating: Gating, *, as_json: bool, every_budget: bool
) -> None:
    if gating.prints_markdown:
        click.echo(judging.markdown([answer.judgement for answer in answers]), nl=False)
    elif as_json:
        click.echo(_document(answers))
    else:
        click.echo(_text(answers, every_budget=every_budget), nl=False)


def _measured(commands: Sequence[str], wanted: Wanted) -> tuple[str, str]:
    one, other = map(str, measure_sides(commands, wanted))
    note(f"both runs are kept: qbt compare {typed(Path(one))} {typed(Path(other))}")
    return one, other


def _require_both(first: str | None, second: str | None) -> None:
    """Raise UsageError where one command of two is given."""
    if (first is None) is not (second is None):
        missing = "--a" if first is None else "--b"
        raise UsageError(
            f"{missing} is missing: two commands are measured, in turn",
            hint="qbt compare --a 'qemu...' --b 'qemu...'; or qbt compare A B",
        )


def _two(inputs: Sequence[str], commands: Iterable[str | None]) -> tuple[str, str]:
    if any(command is not None for command in commands):
        what = "--a and --b measure two commands" + (", and compare no runs" if inputs else "")
        raise UsageError(what, hint="qbt compare --a 'qemu...' --b 'qemu...'; or qbt compare A B")
    if len(inputs) != 2:  # noqa: PLR2004  # sides
        raise UsageError(f"{len(inputs)} given: two are compared", hint="qbt compare A B")
    return inputs[0], inputs[1]


def _sides(names: tuple[str, str], reading: Options) -> Iterator[tuple[str, Run, Run]]:
    """Open both sides; where they are directories of several, what has one name is one pair."""
    first, second = names
    several = [open_configurations(side, reading) for side in (first, second)]
    if several == [None, None]:
        yield "", open_input(first, reading), open_input(second, reading)
        return
    ones, others = several
    if ones is None or others is None:
        one, many = (first, second) if ones is None else (second, first)
        raise UsageError(
            f"{many}: holds several configurations, and {one} is one",
            hint=f"qbt compare {first} {second}/NAME, or two such directories",
        )
    from qemu_boot_time.report.parts import printable

    common = [name for name in ones if name in others]
    if not common:
        raise InputError(f"{first} and {second}: nothing has the same name in both")
    for side, alone in (
        (first, ones.keys() - others.keys()),
        (second, others.keys() - ones.keys()),
    ):
        if alone:
            note(printable(f"only in {side}: {', '.join(sorted(alone))}"))
    yield from ((name, ones[name], others[name]) for name in common)


def _alike(name: str, first: Run, second: Run, insisted: Iterable[str]) -> tuple[str, ...]:
    try:
        return require_alike(first, second, insisted=insisted)
    except QbtError as refusal:
        if not name:
            raise
        raise type(refusal)(f"{name}: {refusal.what}", hint=refusal.hint) from refusal


def _answers(pairs: Sequence[_Pair], rules: _Rules) -> list[_Answer]:
    """Compare each pair, and judge it by itself; the totals of several are one family."""
    timed = [pair for pair in pairs if _clock(pair) is Clock.TIME]
    found = in_family([compare(pair.first, pair.second, rules.margin) for pair in timed])
    by_name = dict(zip((pair.name for pair in timed), found, strict=True))
    return [
        _in_time(pair, by_name[pair.name], rules)
        if pair.name in by_name
        else _in_counts(pair, rules)
        for pair in pairs
    ]


def _judgement(
    pair: _Pair, rules: _Rules, said: str, found: Comparison | None = None
) -> judging.Judgement:
    return judging.judged_sides(
        rules.gating,
        (pair.first, pair.second),
        sentence=said,
        margin=rules.of_counts,
        found=found,
        warnings=pair.warnings,
        configurations=rules.configurations,
    )


def _clock(pair: _Pair) -> Clock:
    counted = pair.first.clock is pair.second.clock is Clock.INSTRUCTIONS
    return Clock.INSTRUCTIONS if counted else Clock.TIME


def _in_time(pair: _Pair, found: Comparison, rules: _Rules) -> _Answer:
    from qemu_boot_time.report.comparison import Compared, sentence, to_text
    from qemu_boot_time.report.comparison_document import document

    compared = Compared(pair.first, pair.second, found, pair.warnings)
    said = sentence(found)
    return _Answer(
        pair.name,
        found.total.verdict,
        said,
        to_text(compared, screen(), waterfall=rules.waterfall),
        document(compared),
        _judgement(pair, rules, said, found),
    )


def _in_counts(pair: _Pair, rules: _Rules) -> _Answer:
    """Compare instructions: the same in every boot of the same thing, so that no test is needed."""
    from qemu_boot_time.report.exact import document, sentence, to_text
    from qemu_boot_time.report.json import plain
    from qemu_boot_time.report.parts import printable

    first, second = pair.first, pair.second
    found = exact.compare(first, second, rules.of_counts)
    if found.total is None and all(boot.ok for run in (first, second) for boot in run.boots):
        raise UsageError(
            "the two do not end at the same mark, so their totals are no two of a kind",
            hint="measure both with the same --until",
        )
    text = to_text(first, second, found, screen(), waterfall=rules.waterfall)
    return _Answer(
        pair.name,
        found.total.verdict if found.total else Verdict.UNDECIDED,
        sentence(found),
        "".join([text, *(f"warning: {printable(each)}\n" for each in pair.warnings)]),
        {**document(first, second, found), "warnings": [plain(each) for each in pair.warnings]},
        _judgement(pair, rules, sentence(found)),
    )


def _text(answers: Sequence[_Answer], *, every_budget: bool) -> str:
    from qemu_boot_time.report.parts import printable

    budgets = (judging.lines(answer.judgement, every=every_budget) for answer in answers)
    texts = [
        "".join([answer.text, *(f"{line}\n" for line in lines)])
        for answer, lines in zip(answers, budgets, strict=True)
    ]
    if not answers[0].name:
        return texts[0]
    names = [printable(answer.name) for answer in answers]
    blocks = [f"== {name}\n{text}\n" for name, text in zip(names, texts, strict=True)]
    last = [f"{name}: {answer.sentence}\n" for name, answer in zip(names, answers, strict=True)]
    return "".join([*blocks, *last])


def _document(answers: Sequence[_Answer]) -> str:
    """Give DESIGN.md's document; of several configurations one each, and no average."""
    from qemu_boot_time.report.json import SCHEMA, dump, plain

    documents = [{**each.document, **judging.document(each.judgement)} for each in answers]
    if not answers[0].name:
        return dump({"schema": SCHEMA, **documents[0]})
    each = [
        {"name": plain(answer.name), **found}
        for answer, found in zip(answers, documents, strict=True)
    ]
    return dump({"schema": SCHEMA, "configurations": each})


def _status(pairs: Iterable[_Pair], answers: Iterable[_Answer], gating: Gating) -> int:
    """Give the exit status, before budgets are looked at: whoever sets some says what is too slow."""
    runs = [run for pair in pairs for run in (pair.first, pair.second)]
    if not all(boot.ok for run in runs for boot in run.boots):
        return ExitStatus.BOOT_FAILED
    slower = not gating.gates and any(answer.verdict is Verdict.SLOWER for answer in answers)
    return ExitStatus.NO if slower else ExitStatus.DONE
