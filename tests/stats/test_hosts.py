"""Facts about two hosts: which matter, and how a difference is told."""

from dataclasses import fields

import pytest

from qemu_boot_time.host.facts import HostFacts
from qemu_boot_time.stats.hosts import FACTS, KVM_FACTS, host_differences

BOTH = ("kvm", "kvm")


def told(fact: str, first: object, second: object) -> list[str]:
    """Give what is told of one fact, without the reason why it matters."""
    lines = host_differences({fact: first}, {fact: second}, BOTH)
    return [line.rpartition(": ")[0] for line in lines]


def test_the_facts_that_matter() -> None:
    """Each is one that a run remembers, once; the others are left out on purpose."""
    facts = [fact.key for fact in (*FACTS, *KVM_FACTS)]
    left_out = {field.name for field in fields(HostFacts)} - set(facts)

    expected = {"cpu_vendor", "memory_total_bytes", "memory_available_bytes", "swap_used_bytes"}
    assert expected | {"load_1min", "container", "qemu", "perf"} == left_out
    assert 15 == len(facts) == len(set(facts))


@pytest.mark.parametrize(
    ("fact", "first", "second", "expected"),
    [
        ("cpu_model", "EPYC", "Xeon", "CPU: EPYC in the first, Xeon in the second"),
        ("cpus_online", 8, 4, "CPUs online: 8 in the first, 4 in the second"),
        ("kernel", "6.1", "6.12", "kernel: 6.1 in the first, 6.12 in the second"),
        ("microcode", "0x1", "0x2", "microcode: 0x1 in the first, 0x2 in the second"),
        ("smt", True, False, "SMT: on in the first, off in the second"),
        (
            "governors",
            ["powersave"],
            ["performance", "powersave"],
            "CPU frequency governor: powersave in the first, performance, powersave in the second",
        ),
        ("turbo", False, True, "turbo: off in the first, on in the second"),
        ("hypervisor", None, "KVM", "hypervisor: none in the first, KVM in the second"),
        ("isolated_cpus", "2-3", "", "isolated CPUs: 2-3 in the first, none in the second"),
        ("clocksource", "tsc", "hpet", "clock source: tsc in the first, hpet in the second"),
        ("kvm_modules", [], ["kvm"], "KVM modules: none in the first, kvm in the second"),
        (
            "kvm_parameters",
            {"kvm.halt_poll_ns": "0", "kvm.tdp_mmu": "Y", "kvm_amd.npt": "1"},
            {"kvm.halt_poll_ns": "9", "kvm.tdp_mmu": "N", "kvm_amd.npt": "1"},
            (
                "KVM parameters: kvm.halt_poll_ns 0, kvm.tdp_mmu Y in the first, "
                "kvm.halt_poll_ns 9, kvm.tdp_mmu N in the second"
            ),
        ),
        (
            "mitigations",
            {"meltdown": "PTI", "gone": "x"},
            {"meltdown": "Vulnerable"},
            "mitigations: meltdown PTI in the first, meltdown Vulnerable in the second",
        ),
        (
            "transparent_hugepages",
            "always",
            "never",
            "transparent huge pages: always in the first, never in the second",
        ),
        ("aslr", 2, 0, "address randomisation: 2 in the first, 0 in the second"),
    ],
)
def test_a_fact_that_differs(fact: str, first: object, second: object, expected: str) -> None:
    """One line with both values, of a fact with several parts with those that differ."""
    assert [expected] == told(fact, first, second)


@pytest.mark.parametrize("fact", [fact.key for fact in (*FACTS, *KVM_FACTS)])
def test_a_fact_of_one_side_alone(fact: str) -> None:
    """A recording knows nothing of its host: that is no difference."""
    assert [] == list(host_differences({fact: "x"}, {}, BOTH))
    assert [] == list(host_differences({}, {fact: "x"}, BOTH))


@pytest.mark.parametrize("fact", [fact.key for fact in (*FACTS, *KVM_FACTS) if not fact.absent])
@pytest.mark.parametrize("unknown", [None, "", []])
def test_a_fact_that_is_not_known(fact: str, unknown: object) -> None:
    """A host that does not tell may be the same one."""
    assert [] == told(fact, unknown, "x")


@pytest.mark.parametrize("fact", ["qemu", "perf", "load_1min", "memory_available_bytes"])
def test_a_fact_that_does_not_matter(fact: str) -> None:
    """What is changed on purpose, and what is never the same twice."""
    assert [] == told(fact, 1, 2)


def test_facts_that_make_no_sense() -> None:
    """A document is what somebody wrote: nothing in it breaks a comparison."""
    assert [] == told("smt", 1, {"a": 1})
    assert ["kernel: 1, 2 in the first, 6.1 in the second"] == told("kernel", [1, 2], "6.1")
