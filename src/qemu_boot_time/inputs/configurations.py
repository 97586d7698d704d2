"""A directory that is no run, but holds several: each stands for one configuration."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from qemu_boot_time.errors import InputError
from qemu_boot_time.inputs.opener import open_input, told_of
from qemu_boot_time.inputs.options import Options, Told
from qemu_boot_time.inputs.recordings import is_recording
from qemu_boot_time.model import Run

_SUFFIXES = (".csv", ".dat", ".data", ".json", ".txt")
"""What may hold boots; other files that lie there (a README, a licence) are passed over."""


def open_configurations(name: str, options: Options) -> dict[str, Run] | None:
    """Open all that a directory holds, by name; None where the name is that of one input.

    What is in it: runs, under the directory's name; recordings, tables, lists and documents, under
    the file's name without its suffix. Raises InputError where there is nothing, where two have
    one name, and for what cannot be read.
    """
    try:
        inputs = None if _is_one_input(name) else list(_inputs_in(Path(name)))
    except OSError as error:
        raise InputError(f"{error.filename or name}: {error.strerror}") from error
    if inputs is None:
        return None
    if not inputs:
        raise InputError(
            f"{name}: no run in it, and no file that could hold boots",
            hint=f"put runs there, or files that end in {', '.join(_SUFFIXES)}",
        )
    by_name: dict[str, Path] = {}
    for called, path in inputs:
        if by_name.setdefault(called, path) is not path:
            raise InputError(f"{name}: {by_name[called].name} and {path.name} are both {called!r}")
    return {called: open_input(str(path), options) for called, path in by_name.items()}


def told_of_all(names: Iterable[str]) -> frozenset[Told]:
    """Give what any of these inputs, or of what such a directory holds, is told by the caller."""
    told = [
        told_of(each)
        for name in names
        for each in (
            [name] if _is_one_input(name) else [str(path) for _, path in _inputs_in(Path(name))]
        )
    ]
    return frozenset().union(*told)


def _is_one_input(name: str) -> bool:
    path = Path(name)
    return not path.is_dir() or is_recording(path) or _is_run(path) or _is_kept(name)


def _is_run(directory: Path) -> bool:
    from qemu_boot_time.store.facts import RUN_FILE

    return (directory / RUN_FILE).is_file()


def _is_kept(name: str) -> bool:
    """Whether that is the id of a run, or ``last``; with a slash in it, it is a path."""
    from qemu_boot_time.store.directories import find_run

    try:
        find_run(name)
    except InputError:
        return False
    return "/" not in name


def _inputs_in(directory: Path) -> Iterator[tuple[str, Path]]:
    """Give what may be opened, in the order of the names."""
    for path in sorted(directory.iterdir()):
        if path.name.startswith("."):
            continue
        if path.suffix in _SUFFIXES and (path.is_file() or is_recording(path)):
            yield path.stem, path
        elif _is_run(path) or is_recording(path):
            yield path.name, path
