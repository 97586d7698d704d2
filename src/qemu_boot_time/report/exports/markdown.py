"""Tables in Markdown: what :mod:`qemu_boot_time.report.markdown` says of each run."""

from collections.abc import Sequence

from qemu_boot_time.model import Run
from qemu_boot_time.report.exports import Pair
from qemu_boot_time.report.facts import facts_of
from qemu_boot_time.report.markdown import Against, comparison_to_markdown, to_markdown
from qemu_boot_time.report.side_by_side import side_by_side


def export(runs: Sequence[Run]) -> str:
    """Render runs one below the other."""
    return "\n".join(to_markdown(run, (), facts_of(run)) for run in runs)


def export_pair(pair: Pair) -> str:
    """Render what ``qbt compare --markdown`` says of two runs."""
    sides = side_by_side(*pair)
    against = Against(pair.first, sides.moves, pair.warnings)
    return comparison_to_markdown(pair.second, against, sides.sentence, (), facts_of(pair.second))
