"""The plugin as a library that a QEMU loads: compiled on first use, kept in the cache."""

import contextlib
import functools
import hashlib
from importlib import resources
from pathlib import Path

from qemu_boot_time import process
from qemu_boot_time.errors import HostError, ProgramError
from qemu_boot_time.guest import cache
from qemu_boot_time.vm.command import escaped

_SOURCE = "plugin.c"
_APIS = (2, 1)
"""What QEMU's interface has been, the newest first: which one a QEMU takes is found by trying."""
_FLAGS = (
    *("-shared", "-fPIC", "-O2", "-std=gnu11", "-fvisibility=hidden"),
    *("-Wall", "-Wextra", "-Werror"),
)
_COMPILERS = ("cc", "gcc", "clang")
_CHECK_S = 20.0
_NO_COMPILER = "sudo apt-get install gcc libc6-dev; or --source debugcon, --source console"
_NO_PLUGINS = "a QEMU with TCG plugins (configure --enable-plugins); or --source debugcon"


@functools.cache
def library(qemu: str) -> Path:
    """Give the plugin in the form that this QEMU takes. QEMU is started for that, with no machine.

    Raises HostError without a compiler, or where QEMU takes no plugin.
    """
    troubles = ""
    for api in _APIS:
        built = _built(api)
        try:
            process.run(_check(qemu, built), timeout_s=_CHECK_S)
        except ProgramError as error:
            troubles = error.output.strip().rpartition("\n")[2] or error.what
        else:
            return built
    raise HostError(f"{qemu}: takes no plugin: {troubles}", hint=_NO_PLUGINS)


def _check(qemu: str, built: Path) -> tuple[str, ...]:
    machine = ("-M", "none", "-accel", "tcg", "-nodefaults", "-display", "none")
    return (qemu, *machine, "-plugin", f"file={escaped(built)},check=on")


def _built(api: int) -> Path:
    source = resources.files(__package__).joinpath(_SOURCE).read_bytes()
    compiler = find_compiler()
    words = (compiler, *_FLAGS, f"-DPLUGIN_API={api}")
    home = cache.directory("plugin")
    key = hashlib.sha256("\0".join(words).encode() + source).hexdigest()[:16]
    kept = home / f"qbt-plugin-{key}.so"
    if not kept.exists():
        with cache.staging(home) as scratch:
            made = scratch / kept.name
            process.run((*words, "-x", "c", "-", "-o", str(made)), stdin=source, hint=_NO_COMPILER)
            made.replace(kept)
    return kept


def find_compiler() -> str:
    """Give the system's C compiler. Raises HostError where there is none."""
    for name in _COMPILERS:
        with contextlib.suppress(HostError):
            return process.require(name, hint=_NO_COMPILER)
    raise HostError(f"no C compiler: {', '.join(_COMPILERS)} not found", hint=_NO_COMPILER)
