"""Profiles, made without a VM."""

from collections.abc import Iterable
from dataclasses import replace

from boots import marks
from qemu_boot_time.exits import Counter, ExitKind
from qemu_boot_time.model import Boot, Outcome, Profile, Run
from qemu_boot_time.phases import Rules, boot_of_marks

MS = 10**6


def boot(index: int, firmware_ms: int) -> Boot:
    """Make a boot whose firmware takes so long."""
    seen = marks(fw_start=1 * MS, fw_do_boot=(1 + firmware_ms) * MS)
    return replace(boot_of_marks(seen, index=index, rules=Rules()), cpu_ns=firmware_ms * MS)


def counter(
    device: str | None,
    exits: int,
    outside_ns: int | None = None,
    *,
    kind: ExitKind = ExitKind.PORT_READ,
    reason: str = "KVM_EXIT_IO",
    region: str = "",
) -> Counter:
    """Count exits of the firmware's."""
    return Counter("firmware", kind, exits, exits, device, region, reason, (1, 2), outside_ns)


def profiled(*profiles: Iterable[Counter], measured_ms: Iterable[int] = (10, 10, 10)) -> Run:
    """Make a run of boots whose firmware took so long; profiled it takes 20 ms."""
    boots = tuple(boot(i, length) for i, length in enumerate(measured_ms))
    found = tuple(
        Profile(boot(len(boots) + i, 20), tuple(counters), notes=("time outside: of a test",))
        for i, counters in enumerate(profiles)
    )
    return Run("night", boots, profiles=found)


def failed(index: int) -> Profile:
    """Make the profile of a boot that did not get there."""
    return Profile(Boot(index, 1, Outcome.TIMEOUT), (counter("ide", 1),))
