"""The library that draws the page's charts, as one script without a network.

vl-convert-python holds Vega, Vega-Lite and vega-embed (BSD 3-Clause) and bundles them, which takes more than a
second: longer than all the rest of a report. So the bundle of a version is made once and kept in the
cache; where no cache can be written it is made each time.
"""

import contextlib
from importlib.metadata import version
from pathlib import Path

from qemu_boot_time.errors import HostError
from qemu_boot_time.guest.cache import directory, staging
from qemu_boot_time.report.libraries import lacks

_SNIPPET = "window.vegaEmbed = vegaEmbed;"
_LIBRARY = "vl-convert-python"


def bundle() -> str:
    """Give the script: it defines ``vegaEmbed``. Raises HostError where the library is missing."""
    try:
        name = f"vega-{version(_LIBRARY)}.js"
        import vl_convert
    except ImportError as error:  # PackageNotFoundError is one, too
        raise lacks(_LIBRARY) from error
    with contextlib.suppress(HostError, OSError):
        return (directory("charts") / name).read_text(encoding="utf-8")
    made = str(vl_convert.javascript_bundle(_SNIPPET))
    with contextlib.suppress(HostError, OSError):
        _keep(directory("charts") / name, made)
    return made


def _keep(path: Path, text: str) -> None:
    with staging(path.parent) as scratch:
        whole = scratch / path.name
        whole.write_text(text, encoding="utf-8")
        whole.replace(path)
