"""``--inside``: boots of their own that look at what happens in the guest."""

from collections.abc import Sequence

import click

from qemu_boot_time.errors import UsageError
from qemu_boot_time.measure.inside import check
from qemu_boot_time.model import Purpose
from qemu_boot_time.sources.base import Source
from qemu_boot_time.vm.command import QemuCommand

_LOOKS = [Purpose.INITCALLS, Purpose.UNITS]

inside_option = click.option(
    "--inside",
    metavar="WHAT",
    help=f"Look inside, in boots that do not count: {','.join(_LOOKS)}; needs an -initrd.",
)


def purposes(
    text: str | None, command: QemuCommand, sources: Sequence[Source]
) -> tuple[Purpose, ...]:
    """Read what is to be looked at.

    Raises UsageError for what nobody knows, for a command whose guest cannot be looked into, and
    where no source sees the writes that tie the clocks.
    """
    if text is None:
        return ()
    words = dict.fromkeys(text.split(","))
    if not words.keys() <= set(_LOOKS):
        raise UsageError(f"--inside {text!r}: not known", hint=f"--inside {','.join(_LOOKS)}")
    check(command)
    if not any(source.sees_port_writes for source in sources):
        raise UsageError(
            "--inside: no source here sees what the guest writes to a port",
            hint="add --source debugcon",
        )
    return tuple(Purpose(word) for word in words)
