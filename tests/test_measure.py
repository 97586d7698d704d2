"""What the orchestrator makes of a boot's end, and of the order; boots themselves are in tests/real."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, cast

import pytest

from boots import marks
from qemu_boot_time.errors import HostError
from qemu_boot_time.measure import Plan, Side, Silence, _boot_in_blocks, block_orders, named
from qemu_boot_time.measure.series import Series
from qemu_boot_time.measure.watch import Watch, last_words
from qemu_boot_time.model import Boot, Event, EventKind, Outcome, Purpose
from qemu_boot_time.phases import Rules, boot_of_marks
from qemu_boot_time.sources.table import SOURCES
from qemu_boot_time.stats.precision import Precision
from qemu_boot_time.vm.command import parse

_DUMP = """\
qemu-system-x86_64: warning: host doesn't support requested feature: CPUID.01H:ECX.pni [bit 0]
KVM internal error. Suberror: 1
extra data[0]: 0x0000000000000001
EAX=00000000 EBX=00000000 ECX=00000000 EDX=00000663
Code=00 00 00 <0f> fe e2 0c
"""


@pytest.mark.parametrize(
    ("stderr", "words"),
    [
        ("", ""),
        ("qemu: -x: invalid option\n", "qemu: -x: invalid option"),
        ("first\nqemu: could not open disk\n\n", "qemu: could not open disk"),
        ("qemu: no disk\nqemu: warning: something\n", "qemu: no disk"),
        ("qemu: warning: something\n", ""),
        (
            "qemu-system-x86_64: -m foo: no number\nk or M:\nkilo, mega.\n",
            "qemu-system-x86_64: -m foo: no number",
        ),
        ("vmm: no disk\nsee the manual\n", "vmm: no disk"),
        ("sh: 1: no disk\nsee the manual\n", "see the manual"),
        ("qemu-system-x86_64: terminating on signal 15 from pid 7 (qbt)\n", ""),
        (_DUMP, "KVM internal error. Suberror: 1"),
        ("qemu: \x1b[31mred\x07\n", "qemu:  [31mred"),
    ],
)
def test_the_last_words_say_why(tmp_path: Path, stderr: str, words: str) -> None:
    """Warnings and dumps are no reasons; what a terminal would obey is taken out."""
    file = tmp_path / "stderr"
    file.write_text(stderr)

    assert words == last_words(file, "/opt/vmm")


class _YoungVm:
    """A QEMU of KVM whose monitor has come, and which makes its VM a moment later."""

    def __init__(self) -> None:
        self.pid = 7
        self._answers = iter(("tcg", "kvm"))

    def accelerator(self) -> str:
        """Look what it has open."""
        return next(self._answers)


def test_the_accelerator_is_asked_when_the_guest_runs() -> None:
    """An exec that is read late finds QEMU between its monitor and its VM, where all look like TCG."""
    vm = _YoungVm()
    plan = Plan(parse(["qemu", "-accel", "kvm"]), 1, Rules(), ())
    watch = Watch(cast("Any", vm), plan, 0.0, pids={7: None})
    source = SOURCES["perf_event"]

    watch.saw(source, [Event(1, "perf_event", EventKind.EXEC, 7)])
    looked_too_soon = watch.accelerator
    vm.accelerator()  # and a moment passes
    watch.saw(source, [Event(2, "perf_event", EventKind.PORT_WRITE, 7)])

    assert ("", "kvm") == (looked_too_soon, watch.accelerator)


def test_no_file_has_no_last_words(tmp_path: Path) -> None:
    """A boot that never began wrote none."""
    assert last_words(tmp_path / "none") == ""


def test_each_block_has_every_side_once() -> None:
    """In either order about as often: 1000 blocks, a fixed seed."""
    orders = Counter(islice(block_orders(2, 1), 1000))

    assert {(0, 1), (1, 0)} == set(orders)
    assert 450 <= orders[0, 1] <= 550


def test_a_seed_gives_the_same_orders_again() -> None:
    """And another one others: what is kept with a run can be checked."""
    one, again, other = (list(islice(block_orders(2, seed), 64)) for seed in (5, 5, 6))

    assert one == again
    assert one != other


def test_one_side_has_one_order() -> None:
    """Whatever the seed."""
    assert [(0,)] * 3 == list(islice(block_orders(1, 0), 3))


@pytest.mark.parametrize(("name", "what"), [("--a 'x'", "--a 'x': no disk"), ("", "no disk")])
def test_an_error_tells_of_its_side(name: str, what: str) -> None:
    """One line, the hint as it was; of one side alone there is nothing to tell."""
    with pytest.raises(HostError) as caught, named(name):
        raise HostError("no disk", hint="buy one")

    assert (what, "buy one") == (caught.value.what, caught.value.hint)


@dataclass(slots=True)
class Scripted(Series):
    """A side whose boots take a millisecond each, but for those that fail."""

    fail: Sequence[int] = field(default=())

    def boot(self, index: int) -> Boot:
        """Give the next boot."""
        if index in self.fail:
            return Boot(index, 1, Outcome.TIMEOUT)
        return boot_of_marks(marks(linux_start_user=10**6), index=index, rules=Rules())


def scripted(plan: Plan, fail: Sequence[int] = ()) -> Scripted:
    """Make a side that needs no VM."""
    nothing: Any = None
    side = Side(plan, nothing, Silence())
    return Scripted(side, plan, [], nothing, cast(Path, nothing), fail=fail)


@pytest.mark.parametrize(("fail", "blocks"), [((), 6), ((0,), 7), ((2, 5), 8)])
def test_a_failed_boot_delays_the_precision_of_both_sides(fail: Sequence[int], blocks: int) -> None:
    """One side is looked at in later blocks than the other; both are enough as soon as each was."""
    plan = Plan(parse(["qemu"]), 1000, Rules(), (), precision=Precision(0.1, least=6, most=1000))
    sides = [scripted(plan), scripted(plan, fail)]

    _boot_in_blocks(sides, seed=1)

    assert [blocks, blocks] == [len(side.boots) for side in sides]


@pytest.mark.parametrize(
    ("fail", "looks", "notes"),
    [
        ((0,), 3, []),
        (
            (0, 1),
            0,
            ["all boots failed: none more for --inside and --profile (--keep-going has them)"],
        ),
    ],
)
def test_where_all_boots_failed_none_looks_further(
    fail: Sequence[int], looks: int, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would fail too; a note says so."""
    plan = Plan(parse(["qemu"]), 2, Rules(), (), inside=(Purpose.UNITS,), profiles=2)
    side = scripted(plan, fail)
    looked: list[int] = []
    noted: list[str] = []
    monkeypatch.setattr(Series, "look_inside", lambda _: looked.append(1))
    monkeypatch.setattr(Series, "profile", lambda self: looked.extend([1] * self.plan.profiles))
    monkeypatch.setattr(Series, "note", lambda _, text: noted.append(text))
    _boot_in_blocks([side], seed=1)

    side.look_further()

    assert (looks, notes) == (len(looked), noted)
