"""The one opener of whatever holds boots."""

from collections.abc import Callable
from pathlib import Path

from qemu_boot_time.errors import InputError, UsageError
from qemu_boot_time.formats.table import read_table
from qemu_boot_time.inputs.options import AGAIN, BYTE_ORDER_MARK, Options, Told
from qemu_boot_time.inputs.recordings import MAIN_PART, is_recording, open_perfdata, open_tracedat
from qemu_boot_time.inputs.tables import column_of, open_column, open_table
from qemu_boot_time.model import Run

_SNIFF_BYTES = 4096
_OF_RECORDINGS = frozenset({Told.RULES, Told.VMM})
_OF_TABLES = frozenset({Told.RULES, Told.UNIT})
_OF_LISTS = frozenset({Told.UNIT})


def open_input(name: str, options: Options) -> Run:
    """Open a run (path, id, ``last``) or its document, a recording, a CSV of marks, a list of samples.

    ``FILE:COLUMN:UNIT`` takes one column of a table as the total. Raises InputError for what is
    missing, unreadable or corrupt, UsageError for a unit or a column that is not there.
    """
    try:
        return _open(name, options)
    except OSError as error:
        raise InputError(f"{error.filename or name}: {error.strerror}") from error


def _open(name: str, options: Options) -> Run:
    path = Path(name)
    if path.is_file() or is_recording(path):
        return _open_file(path, options)
    column = column_of(name)
    if column is not None:
        return open_column(column)
    file, colon, rest = name.rpartition(":")
    if colon and Path(file).is_file():
        raise UsageError(
            f"{name}: a column has a unit", hint=f"FILE:COLUMN:UNIT, as {file}:{rest or 1}:ms"
        )
    from qemu_boot_time.store.directories import find_run
    from qemu_boot_time.store.load import load_run

    return load_run(find_run(name))


def told_of(name: str) -> frozenset[Told]:
    """Give what an input that can be opened is told by the caller; all else it says itself.

    A kept run and a document of one are told nothing, nor is a column that is named with its unit.
    """
    path = Path(name)
    if is_recording(path):
        return _OF_RECORDINGS
    if not path.is_file():
        return frozenset()
    with path.open("rb") as stream:
        head = stream.read(_SNIFF_BYTES)
    if any(head.startswith(magic) for magic in _BY_MAGIC):
        return _OF_RECORDINGS
    if _is_document(head):
        return frozenset()
    return _OF_TABLES if read_table(path).columns else _OF_LISTS


def _open_file(path: Path, options: Options) -> Run:
    with (path / MAIN_PART if path.is_dir() else path).open("rb") as stream:
        head = stream.read(_SNIFF_BYTES)
    if not head:
        raise InputError(f"{path}: empty", hint="was the recording ended in order?")
    for magic, opener in _BY_MAGIC.items():
        if head.startswith(magic):
            return opener(path, options)
    if any(magic.startswith(head) for magic in _BY_MAGIC):
        raise InputError(f"{path}: cut off at byte {len(head)}", hint=AGAIN)
    if b"\0" in head:
        raise InputError(
            f"{path}: neither a recording nor a table",
            hint="qbt analyze perf.data | trace.dat | TABLE.csv",
        )
    return _open_document(path) if _is_document(head) else open_table(path, options)


def _is_document(head: bytes) -> bool:
    """Whether a file that begins so is meant as JSON: no table begins with a brace."""
    return head.removeprefix(BYTE_ORDER_MARK).lstrip().startswith(b"{")


def _open_document(path: Path) -> Run:
    from qemu_boot_time.inputs.document import open_document

    return open_document(path)


_BY_MAGIC: dict[bytes, Callable[[Path, Options], Run]] = {
    b"PERFILE2": open_perfdata,
    b"2ELIFREP": open_perfdata,
    b"PERFFILE": open_perfdata,
    b"\x17\x08\x44tracing": open_tracedat,
}
"""What a binary recording begins with."""
