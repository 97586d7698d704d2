"""Runs another benchmark inside a KVM host in a box (docs/kvm-box.md), where ``kvm_entry`` fires.

What it prints is printed, and says what it was measured on: AMD-V emulated by TCG. A guest exit
takes a hundred times longer there than on hardware, and so does whatever handles it; a ratio says
how the two compare under emulation, no more.
"""

import argparse
import shlex
import sys
import tempfile
from pathlib import Path

from common import main, progress
from qemu_boot_time import process
from qemu_boot_time.errors import HostError

_HERE = Path(__file__).parent
_BOX = _HERE.parent / "tests"
"""The box is a tool of the tests."""
_LABEL = "in a box: TCG-emulated SVM"


def run_in_box(script: str, words: list[str], deadline_s: float) -> str:
    """Give what a benchmark prints in the box.

    Raises HostError where this host cannot have a box, or the benchmark does not end well in it.
    """
    sys.path.append(str(_BOX))
    import kvmbox
    from kvmbox import image

    process.require("qemu-system-x86_64", hint="apt install qemu-system-x86")
    image.cached()
    job = f"python3 /in/benchmarks/{shlex.join((script, *words))} > /out/table"
    with kvmbox.prepared() as box, tempfile.TemporaryDirectory(prefix="qbt-bench-") as scratch:
        files = {"benchmarks": _HERE, "site": kvmbox.site(Path(scratch))}
        progress(f"{script} runs in the box; what it says of its progress comes at its end")
        result = box.run(job, files, deadline_s=deadline_s)
        progress(result.console)
        if result.exit_status != 0:
            raise HostError(f"{script} in the box: status {result.exit_status}", hint="see above")
        return (result.out / "table").read_text()


def body() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--deadline", type=float, default=1800.0, metavar="S", help="of the box")
    parser.add_argument("script", choices=sorted(file.name for file in _HERE.glob("*.py")))
    parser.add_argument("words", nargs=argparse.REMAINDER, help="handed on to it")
    options = parser.parse_args()
    print(_LABEL, flush=True)
    print(run_in_box(options.script, options.words, options.deadline), end="")


if __name__ == "__main__":
    main(body)
