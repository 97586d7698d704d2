"""This checkout as the box's Python sees it: our wheel and what it depends on, unpacked."""

import sys
from pathlib import Path

from qemu_boot_time.process import run

_CHECKOUT = Path(__file__).parents[2]
_PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
_BOX_PYTHON = ("--python-version", "3.11", "--only-binary=:all:")


def site(scratch: Path) -> Path:
    """Build the wheel and install it with its dependencies in a directory for :meth:`Box.run`.

    Hand it over as ``site``: the box then has ``qbt`` on PATH. Raises HostError where pip fails.
    """
    dist, target = scratch / "dist", scratch / "site"
    wheel = ("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(dist))
    run((*_PIP, *wheel, str(_CHECKOUT)), timeout_s=300, hint="pip install -e '.[dev]'")
    (built,) = dist.glob("*.whl")
    install = ("install", *_BOX_PYTHON, "--target", str(target), str(built))
    run((*_PIP, *install), timeout_s=300, hint="pip needs its index")
    for script in filter(Path.is_file, (target / "bin").iterdir()):
        _, rest = script.read_bytes().split(b"\n", 1)
        script.write_bytes(b"#!/usr/bin/python3\n" + rest)
    return target
