"""Where runs lie: the directory of a new one, and those that are kept, by path, id or ``last``."""

import time
from pathlib import Path

from qemu_boot_time.errors import HostError, InputError
from qemu_boot_time.host.files import users_directory
from qemu_boot_time.store.facts import BOOTS_FILE, ELSEWHERE, RUN_FILE, RunKind, kind_of


def runs_directory() -> Path:
    """Give where runs live unless the user says otherwise. Raises HostError for a user without a home."""
    return users_directory("XDG_STATE_HOME", ".local/state") / "qemu-boot-time" / "runs"


def new_run_directory(parent: Path) -> Path:
    """Make a directory named after this second; two in one second are told apart by a number.

    Raises HostError when it cannot be made.
    """
    stem = time.strftime("%Y%m%d-%H%M%S")
    for i in range(1, 1000):
        candidate = parent / (stem if i == 1 else f"{stem}-{i}")
        try:
            candidate.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise HostError(f"{candidate}: {error.strerror}", hint=ELSEWHERE) from error
        return candidate
    raise HostError(f"{parent}: a thousand runs in one second", hint=ELSEWHERE)


def find_run(name: str) -> Path:
    """Find a run by path, id or ``last``.

    Raises InputError when there is none of that name.
    """
    if name == "last":
        return _last_run()
    if (Path(name) / RUN_FILE).is_file():
        return Path(name)
    kept = runs_directory() / name
    if (kept / RUN_FILE).is_file():
        return kept
    if Path(name).exists():
        raise InputError(
            f"{name}: neither a run nor a file that can be read twice",
            hint="a run has a run.json in it; a stream must be kept in a file first",
        )
    raise InputError(f"{name}: no such run, file or recording", hint="qbt list")


def _last_run() -> Path:
    """Give the newest run that has a boot: one that ended before its first shows nothing."""
    runs = sorted(all_runs(), key=lambda run: run.stat().st_mtime_ns, reverse=True)
    newest = next(filter(_may_have_boots, runs), None)
    if newest is None:
        raise InputError("no run with a boot" if runs else "no run yet", hint="qbt demo")
    return newest


def _may_have_boots(run: Path) -> bool:
    """Whether a boot was written down, or the boots are made of what was seen alone."""
    try:
        if (run / BOOTS_FILE).stat().st_size:
            return True
        return kind_of(run) is not RunKind.MEASURED
    except (OSError, InputError):
        return True  # damaged: whoever reads it is told of that


def all_runs() -> list[Path]:
    """Give the directories of all runs kept in the default place, by id."""
    home = runs_directory()
    return sorted(file.parent for file in home.glob(f"*/{RUN_FILE}"))
