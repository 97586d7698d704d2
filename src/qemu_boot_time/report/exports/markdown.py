"""Tables in Markdown: what :mod:`qemu_boot_time.report.markdown` says of each run."""

from collections.abc import Sequence

from qemu_boot_time.model import Run
from qemu_boot_time.report.facts import facts_of
from qemu_boot_time.report.markdown import to_markdown


def export(runs: Sequence[Run]) -> str:
    """Render runs one below the other."""
    return "\n".join(to_markdown(run, (), facts_of(run)) for run in runs)
