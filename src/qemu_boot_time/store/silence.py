"""Why no boot of a run may have a mark: made of its facts, so that it is told wherever the run is shown."""

from collections.abc import Iterable, Sequence

from qemu_boot_time.model import Boot, Outcome
from qemu_boot_time.sources.table import SOURCES
from qemu_boot_time.store.facts import RunFacts
from qemu_boot_time.vm.command import QemuCommand, has_own_control, is_said_by_qemu, parse

_IN_SCRIPT = (
    "no mark: {} is not called as QEMU is, so it was taken for a script that starts one. It gets options of "
    'QEMU\'s besides (-v shows them), and must end with exec qemu-system-x86_64 ... "$@", so that QEMU gets '
    "what the sources add, and ends with it"
)
_NOT_YET = "no mark: with -S and a monitor of your own, nobody but you starts the guest"
_NOT_IN_TIME = (
    "no mark within {:g} s: a longer --timeout, if the guest is just slow; else nothing in it writes "
    "one, or it does not get that far (under this accelerator)"
)
_NONE = (
    "no mark: nothing in this guest writes one. qbt build seabios linux makes pieces that do; "
    "qbt patch list shows the patches. A stock guest is seen by --source plugin (with -accel tcg), by "
    "what it prints (--source console), or by KVM (--source perf_event)"
)
_NO_LINE = (
    "no mark: no line that is looked for came. The kernel needs console=ttyS0 in -append, and no quiet; "
    "--match NAME=REGEX looks for a line of your own"
)
_WITHOUT_A_WORD = {Outcome.TIMEOUT, Outcome.QEMU_FAILED}


def advice(facts: RunFacts, boots: Sequence[Boot]) -> tuple[str, ...]:
    """Say what the failures have in common, where that is known and nobody has said it better."""
    if not boots or not facts.sources:
        return ()
    if any(boot.marks or boot.outcome not in _WITHOUT_A_WORD for boot in boots):
        return ()
    command = parse(facts.command)
    if any(_tells(boot.message, command) for boot in boots):
        return ()
    reasons = {
        _IN_SCRIPT.format(command.program): command.at is None,
        _NOT_YET: command.has("-S") and has_own_control(command),
        _NO_LINE: not _see_port_writes(facts.sources),
        _NOT_IN_TIME.format(facts.timeout_s): all(
            boot.outcome is Outcome.TIMEOUT for boot in boots
        ),
        _NONE: True,
    }
    return (next(reason for reason, is_so in reasons.items() if is_so),)


def _tells(message: str, command: QemuCommand) -> bool:
    """Whether what was said last says enough: what is no QEMU knows nothing of what it lacks."""
    return is_said_by_qemu(message) if command.at is None else bool(message)


def _see_port_writes(sources: Iterable[str]) -> bool:
    return any(SOURCES[name].sees_port_writes for name in sources)
