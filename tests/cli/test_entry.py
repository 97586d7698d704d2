"""The first moments of ``qbt``."""

import subprocess
import sys

from qbt_process import DEADLINE_S, SOURCE

_INTERRUPTED_BY = """
import os, signal, sys
from qemu_boot_time.cli import entry

class Interrupter:
    def find_spec(self, name, *_):
        if name == {name!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupter())
sys.argv[1:] = ["list"]
entry.main()
"""


def interrupted_by(name: str) -> tuple[int, str]:
    """Interrupt ``qbt list`` where it imports a module; give its status and its complaints."""
    done = subprocess.run(
        (sys.executable, "-c", _INTERRUPTED_BY.format(name=name)),
        env={"PYTHONPATH": str(SOURCE), "XDG_STATE_HOME": "/nowhere"},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    return done.returncode, done.stderr.strip()


def test_ctrl_c_while_we_import() -> None:
    """No traceback, and the status of an interrupt: in our own start, and in that of a command."""
    assert (130, "") == interrupted_by("click")
    assert (130, "") == interrupted_by("qemu_boot_time.cli.list")
