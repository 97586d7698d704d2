"""``qbt`` as a process of its own, in a world of its own: state, temporary files, leftovers."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qemu_boot_time.guest import tiny

SOURCE = Path(tiny.__file__).parents[2]
QBT = (sys.executable, "-c", "from qemu_boot_time.cli.main import main; main()")
QEMU = "qemu-system-x86_64"
DEADLINE_S = 120.0
"""For what must come: a test that holds ends long before, a busy host may take its time."""
_SETTLES_WITHIN_S = 30.0


@dataclass(frozen=True)
class Done:
    """A ``qbt`` that has ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document that it printed, and nothing besides."""
        document: dict[str, Any] = json.loads(self.stdout)
        return document

    @property
    def outcomes(self) -> list[str]:
        """How each boot ended."""
        return [boot["outcome"] for boot in self.document["boots"]]

    def marks(self, boot: int = 0) -> list[str]:
        """Give the names of one boot's marks, in order."""
        return [mark["name"] for mark in self.document["boots"][boot]["marks"]]


@dataclass
class World:
    """Where one test's ``qbt`` lives."""

    directory: Path
    """Scratch, and state."""
    temporary: Path
    """Its TMPDIR, which must be empty again."""
    env: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """Give the environment of the processes here: all that they start can be told by it."""
        own = {
            "PYTHONPATH": str(SOURCE),
            "XDG_STATE_HOME": str(self.directory / "state"),
            "XDG_CACHE_HOME": str(self.directory / "cache"),
            "TMPDIR": str(self.temporary),
        }
        return {**os.environ, **own, **self.env}

    @contextlib.contextmanager
    def start(self, *words: str, **how: Any) -> Iterator[subprocess.Popen[str]]:
        """Start ``qbt`` in the directory of this world; it ends with the block at the latest."""
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        options = {**streams, "cwd": self.directory, "env": self.environment(), **how}
        with subprocess.Popen((*QBT, *words), **options) as child:
            try:
                yield child
            finally:
                child.kill()

    def qbt(self, *words: str, deadline_s: float = DEADLINE_S, **how: Any) -> Done:
        """Run ``qbt`` to its end."""
        with self.start(*words, **how) as child:
            stdout, stderr = child.communicate(timeout=deadline_s)
        return Done(child.returncode, stdout or "", stderr or "")

    def run(self, *words: str) -> Done:
        """``qbt run --json``, two boots unless the words say otherwise."""
        return self.qbt("run", "--json", "-n", "2", *words)

    def bios(self, *steps: tiny.Step, name: str = "bios.bin") -> Path:
        """Write a tiny guest."""
        file = self.directory / name
        file.write_bytes(tiny.image(*steps))
        return file

    def script(self, text: str, name: str = "vm.sh") -> str:
        """Write a shell script; give the word that runs it."""
        file = self.directory / name
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)
        return f"./{name}"

    @property
    def runs(self) -> list[Path]:
        """The directories of the runs kept here, in the order of their making."""
        return sorted(file.parent for file in (self.directory / "state").rglob("boots.jsonl"))

    def facts(self, run: int = -1) -> list[dict[str, Any]]:
        """Give the lines of a run's ``boots.jsonl``."""
        lines = (self.runs[run] / "boots.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def leftovers(self) -> list[str]:
        """Give what is still there of this world a moment after: processes, temporary files."""
        deadline = time.monotonic() + _SETTLES_WITHIN_S
        while (left := self.present()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return left

    def present(self) -> list[str]:
        """Give what is there of this world now."""
        files = [str(file) for file in self.temporary.iterdir()]
        return files + [f"{pid}: {command}" for pid, command in self.processes().items()]

    def processes(self, comm: str = "") -> dict[int, str]:
        """Give the processes of this world, known by what they inherited or were told."""
        tag = str(self.temporary).encode()
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes()
                ours = tag in command or tag in (entry / "environ").read_bytes()
                if ours and comm in (entry / "comm").read_text():
                    found[int(entry.name)] = command.replace(b"\0", b" ").decode(errors="replace")
        return found


def tiny_qemu(bios: Path, *, accelerator: str = "tcg", machine: str = "pc") -> tuple[str, ...]:
    """Give the command that boots a tiny guest."""
    words = ("-accel", accelerator, "-M", machine, "-m", "16")
    return (QEMU, *words, *tiny.qemu_args(bios))
