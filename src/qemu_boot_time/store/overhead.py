"""Two runs of one command, of which one was watched and one was not: what each boot took."""

import shlex
from pathlib import Path

from qemu_boot_time.model import Run
from qemu_boot_time.stats.overhead import Taken
from qemu_boot_time.store.facts import RUN_FILE, read_facts


def twins(directory: Path) -> tuple[Path, Path] | None:
    """Give the run that nobody watched and the one that was, where ``directory`` is either.

    None where it is no such run, or the other one is not beside it any more. Raises InputError for facts that cannot be read.
    """
    facts, _ = read_facts(directory)
    if facts.interleaved is None:
        return None
    other = directory.parent / facts.interleaved.other
    if not (other / RUN_FILE).is_file():
        return None
    beside, _ = read_facts(other)
    if facts.is_watched is beside.is_watched or facts.command != beside.command:
        return None
    return (other, directory) if facts.is_watched else (directory, other)


def watchers(directory: Path) -> tuple[str, ...]:
    """Give what watched the boots of a run, as a person knows it: sources, or a command.

    Raises InputError for facts that cannot be read.
    """
    facts, _ = read_facts(directory)
    return facts.sources or ((shlex.join(facts.beside),) if facts.beside else ())


def taken(run: Run) -> list[Taken]:
    """Give what each boot of a kept run took, by what needs no source; those that failed do not count.

    Raises InputError for facts that cannot be read.
    """
    good = {boot.index for boot in run.boots if boot.ok}
    _, boots = read_facts(Path(run.path))
    return [
        Taken(boot.end_ns - boot.exec_stamp_ns, boot.cpu_ns)
        for boot in boots
        if boot.counts and boot.index in good
    ]
