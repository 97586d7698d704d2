"""Which facts about a host change how long a boot takes, and in which of them two hosts differ."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

_TCG = "tcg"


class Fact(NamedTuple):
    """A fact that matters."""

    key: str
    """In ``run.json``'s ``host``."""
    called: str
    why: str
    """What it changes."""
    absent: str = ""
    """What it means that the host has none; empty: that nobody knows."""


FACTS = (
    Fact("cpu_model", "CPU", "every instruction takes another time"),
    Fact("cpus_online", "CPUs online", "QEMU's threads and the host's other work share them"),
    Fact("kernel", "kernel", "another scheduler, another KVM"),
    Fact("microcode", "microcode", "it may slow branches and VM exits"),
    Fact("smt", "SMT", "a neighbour on the same core takes its share"),
    Fact("governors", "CPU frequency governor", "the clock rises at another pace"),
    Fact("turbo", "turbo", "the clock may rise higher"),
    Fact("hypervisor", "hypervisor", "a nested VM exit costs many times more", "none"),
    Fact("isolated_cpus", "isolated CPUs", "other work runs elsewhere", "none"),
    Fact("clocksource", "clock source", "reading the time costs QEMU another time"),
    Fact("mitigations", "mitigations", "system calls and VM exits cost another time"),
    Fact("transparent_hugepages", "transparent huge pages", "there are more page faults or fewer"),
    Fact("aslr", "address randomisation", "QEMU lies elsewhere in memory in each boot, or not"),
)
"""Not memory and load, which are never the same twice and show in the spread; not the version of
QEMU, which may be what was changed, nor that of perf, which has no part in a boot."""

KVM_FACTS = (
    Fact("kvm_modules", "KVM modules", "another way to run a guest", "none"),
    Fact("kvm_parameters", "KVM parameters", "a VM exit costs another time"),
)
"""Those that mean nothing where no side used KVM."""


def host_differences(
    first: Mapping[str, object], second: Mapping[str, object], accelerators: Collection[str]
) -> Iterator[str]:
    """Say for each fact in which two hosts differ what there is on both, and why it matters.

    ``accelerators`` are those of the two sides. What only one side knows is no difference.
    """
    facts = FACTS if set(accelerators) == {_TCG} else (*FACTS, *KVM_FACTS)
    for fact in facts:
        one, other = _values(fact, first), _values(fact, second)
        keys = [key for key in one if one[key] != other.get(key, one[key])]
        if keys:
            here, there = (
                ", ".join(f"{key} {side[key]}".strip() for key in keys) for side in (one, other)
            )
            yield f"{fact.called}: {here} in the first, {there} in the second: {fact.why}"


def _values(fact: Fact, host: Mapping[str, object]) -> dict[str, str]:
    """Give what is known, in words: by its key where a fact has several parts."""
    if fact.key not in host:
        return {}
    value = host[fact.key]
    if isinstance(value, Mapping):
        return {str(key): _words(part) for key, part in value.items()}
    words = _words(value) or fact.absent
    return {"": words} if words else {}


def _words(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return str(value)
