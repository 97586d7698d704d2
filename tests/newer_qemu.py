"""A QEMU of the next Debian, unpacked beside this host's own: its plugin interface is another one.

From packages in half a minute (network), then from the cache; about 300 MB.
"""

import hashlib
from pathlib import Path

import debian
from qbt_process import QEMU
from qemu_boot_time.errors import HostError
from real_host import require

_SUITE = "trixie"
_PACKAGES = ("qemu-system-x86", "seabios")
_LOADER = "usr/lib64/ld-linux-x86-64.so.2"
_LIBRARIES = "usr/lib/x86_64-linux-gnu"
_DATA = ("usr/share/qemu", "usr/share/seabios")


def put_first(directory: Path) -> str:
    """Put a program of QEMU's name into ``directory`` that runs it; give the PATH for that.

    Skips the test, with the reason, where this host cannot have one.
    """
    try:
        root = debian.kept("newer-qemu", _key(), {}, _build) / "root"
    except HostError as error:
        require(condition=False, reason=f"no newer QEMU: {error}; {error.hint}")
        raise
    data = " ".join(f"-L {root / each}" for each in _DATA)
    loader = f"{root / _LOADER} --library-path {root / _LIBRARIES}"
    program = directory / QEMU
    program.write_text(f'#!/bin/sh\nexec {loader} {root / "usr/bin" / QEMU} {data} "$@"\n')
    program.chmod(0o755)
    return f"{directory}:/usr/local/bin:/usr/bin:/bin"


def _key() -> str:
    sources = (Path(__file__), Path(debian.__file__))
    return hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()[:16]


def _build(root: Path, parts: Path, log: Path) -> None:
    debian.extract(root, _SUITE, _PACKAGES, log=log)
    root.rename(parts / "root")
