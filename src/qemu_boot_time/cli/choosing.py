"""Which sources are taken: those asked for, those that something asked for needs, or the best."""

from collections.abc import Sequence

from qemu_boot_time.errors import HostError, QbtError, UsageError
from qemu_boot_time.model import Clock
from qemu_boot_time.phases import Rules
from qemu_boot_time.protocol import CONSOLE_POINTS, FINER_POINTS, POWER_OFF
from qemu_boot_time.sources import console, debugcon, kvm_stock, plugin
from qemu_boot_time.sources.base import Asked, Needs, Source
from qemu_boot_time.sources.table import SOURCES
from qemu_boot_time.vm.command import QemuCommand, may_use_kvm

AUTO = "auto"
_TOLD_BY_CONSOLE = frozenset(point.name for point in CONSOLE_POINTS)
_TOLD_BY_PLUGIN = frozenset(point.name for point in FINER_POINTS) - {POWER_OFF}


def needed_sources(
    rules: Rules, asked: Asked, clock: Clock, command: QemuCommand
) -> tuple[str, ...]:
    """Give the sources without which something that the user wants is not seen.

    Raises UsageError for a mark that nobody sees of this command's boots.
    """
    ends = {rules.until, *(end for ends in rules.phases.values() for end in ends)}
    kvm = may_use_kvm(command)
    if POWER_OFF in ends and not kvm:
        raise UsageError(
            f"{POWER_OFF} is seen under KVM alone", hint="leave it out: QEMU ends then"
        )
    finer = not ends.isdisjoint(_TOLD_BY_PLUGIN - kvm_stock.NAMES if kvm else _TOLD_BY_PLUGIN)
    written = clock is Clock.INSTRUCTIONS and not ends.isdisjoint(rules.names.custom.values())
    counting = asked.counted or clock is Clock.INSTRUCTIONS
    wanted = {
        plugin.SOURCE.name: counting or finer or bool(asked.probes or asked.symbols),
        debugcon.SOURCE.name: written,
        console.SOURCE.name: bool(asked.matches) or not _TOLD_BY_CONSOLE.isdisjoint(ends),
    }
    return tuple(name for name, is_wanted in wanted.items() if is_wanted)


def choose_sources(
    asked: Sequence[str], command: QemuCommand, *, needed: Sequence[str] = ()
) -> tuple[tuple[Source, ...], str]:
    """Take the sources asked for, or the best that really works here; say why.

    ``needed`` are those without which something that the user wants is not seen.
    A script hides whether its guest runs under KVM: there the best of either kind looks. Raises
    HostError for a source that cannot work here, UsageError for one that cannot see this command.
    """
    best, why_not = _choose_best(command) if AUTO in asked else ((), "")
    named = dict.fromkeys(SOURCES[name] for name in (*asked, *needed) if name != AUTO)
    further = tuple(source for source in named if source not in best)
    for source in further:
        if unfit := _unfit(source, command):
            raise type(unfit)(f"--source {source.name}: {unfit.what}", hint=unfit.hint)
    chosen = (*best, *further)
    names = " and ".join(source.name for source in chosen)
    why = f"source {names}" + (f" ({why_not})" if why_not else "")
    return chosen, why if AUTO in asked else ""


def _choose_best(command: QemuCommand) -> tuple[tuple[Source, ...], str]:
    """Give the best that works, and why not a better one."""
    by_kind: dict[bool, Source] = {}
    troubles: list[tuple[Source, QbtError]] = []
    for source in SOURCES.values():
        if not source.sees_port_writes:
            continue
        if source.needs_kvm in by_kind or (by_kind and command.at is not None):
            continue
        if unfit := _unfit(source, command):
            troubles.append((source, unfit))
        else:
            by_kind[source.needs_kvm] = source
    why = _grouped(troubles)
    if not by_kind:
        _, last = troubles[-1]
        raise type(last)(f"no source works here: {why}", hint=last.hint)
    return tuple(by_kind.values()), why


def _grouped(troubles: Sequence[tuple[Source, QbtError]]) -> str:
    """Say why not, sources with the same reason together."""
    names: dict[str, list[str]] = {}
    for source, unfit in troubles:
        names.setdefault(unfit.what, []).append(source.name)
    return "; ".join(f"not {', '.join(group)}: {what}" for what, group in names.items())


def _unfit(source: Source, command: QemuCommand) -> QbtError | None:
    """Say why a source cannot see this command's boots here; None: it can."""
    if source.needs_kvm and not may_use_kvm(command):
        return UsageError(
            "the command does not use KVM", hint="add -accel kvm, or use --source debugcon"
        )
    if source.needs is Needs.TCG and command.at is not None and may_use_kvm(command):
        return UsageError("the command uses KVM", hint="-accel tcg; or --source perf_event")
    try:
        source.caveats(command)
    except UsageError as nothing:
        return nothing
    probe = source.probe()
    return None if probe.ok else HostError(probe.what, hint=probe.remedy or "qbt doctor")
