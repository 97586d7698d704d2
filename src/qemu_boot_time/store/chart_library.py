"""The library that draws the page's charts, as one script without a network, kept in the cache.

vl-convert-python holds Vega, Vega-Lite and vega-embed (BSD 3-Clause) and bundles them, which takes more than a
second: longer than all the rest of a report. So what is made of a version is kept, with its digest beside
it: what is not what was written is made anew. Where no cache can be written it is made each time.

It is made in a process of its own: it keeps Python's lock all the time, so that a thread would hold up whatever
else goes on.
"""

import contextlib
import hashlib
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

from qemu_boot_time import process
from qemu_boot_time.errors import HostError
from qemu_boot_time.guest.cache import directory, staging
from qemu_boot_time.host.libraries import at_work, lacks

_SNIPPET = "window.vegaEmbed = vegaEmbed;"
_LIBRARY = "vl-convert-python"
_BUNDLE = "import sys, vl_convert; sys.stdout.buffer.write(vl_convert.javascript_bundle(sys.argv[1]).encode())"


@contextlib.contextmanager
def chart_library() -> Iterator[Callable[[], str]]:
    """Begin to make the script, where it is not kept; hand over what waits for it, to be called once.

    The script defines ``vegaEmbed``. Raises HostError where the library is missing, and where nothing
    can be made of it.
    """
    try:
        name = f"vega-{version(_LIBRARY)}-{_digest(_SNIPPET.encode())[:12]}.js"
    except ImportError as error:  # PackageNotFoundError is one
        raise lacks(_LIBRARY) from error
    kept = _kept(name)
    if kept is not None:
        yield kept.decode
        return
    # Without -P, a file of the user's that lies where we are could be taken for a library.
    with process.begun((sys.executable, "-P", "-c", _BUNDLE, _SNIPPET)) as bundled:
        yield lambda: _made(name, bundled)


def _made(name: str, bundled: Callable[[bytes], process.Finished]) -> str:
    with at_work(_LIBRARY):
        script = bundled(b"").stdout
    _keep(name, script.encode())
    return script


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _digest_beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _kept(name: str) -> bytes | None:
    """Give what is kept; None: nothing, or not what was written; or nobody says where caches are."""
    try:
        path = directory("charts") / name
        content, digest = path.read_bytes(), _digest_beside(path).read_bytes()
    except (HostError, OSError):
        return None
    return content if digest == _digest(content).encode() else None


def _keep(name: str, content: bytes) -> None:
    """Write both files, each whole; of two that do not belong together :func:`_kept` gives nothing."""
    with contextlib.suppress(HostError, OSError):
        path = directory("charts") / name
        files = {path: content, _digest_beside(path): _digest(content).encode()}
        with staging(path.parent) as scratch:
            for place, text in files.items():
                whole = scratch / place.name
                whole.write_bytes(text)
                whole.replace(place)
