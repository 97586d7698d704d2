"""Events become boots: marks, attempts, phases, and what makes a boot suspect."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boots import (
    NAMES,
    booted,
    entered,
    executed,
    lengths,
    marks,
    names,
    parts,
    passed,
    seen,
    times,
    wrote,
)
from qemu_boot_time.model import Boot, Bound, EndedBy, Event, EventKind, Mark, Outcome, Phase
from qemu_boot_time.phases import (
    Ending,
    Rules,
    boot_of,
    boot_of_marks,
    boots_of,
    gaps,
    phases_of,
    split_at_total,
    split_vms,
)
from qemu_boot_time.protocol import RANK, Names
from qemu_boot_time.stats.summary import unaccounted


def one(events: Sequence[Event], rules: Rules | None = None, ending: Ending | None = None) -> Boot:
    """Make one boot of all events."""
    return boot_of(events, index=0, pid=1, rules=rules or Rules(), ending=ending)


# --- marks and phases of one boot -------------------------------------------------------------


def test_a_boot_counts_from_its_exec() -> None:
    """Marks are named by the protocol and timed since the exec of QEMU."""
    boot = one([*booted(1000)])

    expected = [
        ("qemu_init_end", 10),
        ("fw_start", 20),
        ("fw_do_boot", 30),
        ("linux_start_boot", 40),
        ("linux_start_kernel", 50),
        ("linux_start_user", 60),
    ]
    assert (1000, expected, ()) == (boot.exec_ns, times(boot), boot.suspect)


def test_phases_of_seabios() -> None:
    """What lies between the first guest entry and the firmware's first code is no phase."""
    boot = one([*booted()])

    expected = {
        "vmm": 10,
        "firmware": 10,
        "loader": 10,
        "kernel_early": 10,
        "kernel": 10,
        "total": 60,
    }
    assert (expected, 10) == (lengths(boot), unaccounted(boot))


@pytest.mark.parametrize("jump", [3, 4])
def test_phases_of_qboot(jump: int) -> None:
    """The firmware of qboot writes no fw_do_boot: it ends where the kernel is loaded."""
    boot = one([*booted(values=(1, 2, jump, 6, 7))])

    expected = ["vmm", "firmware", "loader", "kernel_early", "kernel", "total"]
    assert (expected, NAMES[jump]) == ([*lengths(boot)], boot.phases[2].end)


def test_a_missing_boundary_merges_both_sides() -> None:
    """Where no fw_do_boot and no jump were seen, one phase is named by its ends."""
    boot = one([*booted(values=(1, 6, 7))])

    expected = {"vmm": 10, "fw_start..linux_start_kernel": 10, "kernel": 10, "total": 40}
    assert expected == lengths(boot)


def test_every_device_tried_writes_fw_do_boot() -> None:
    """The firmware ends at the first, the loader begins at the last, between them is no phase."""
    boot = one([*booted(values=(1, 5, 5, 5, 3, 6, 7))])

    found = lengths(boot)

    assert (10, 10, 30) == (found["firmware"], found["loader"], unaccounted(boot))
    assert ((), 1) == (boot.suspect, boot.attempts)


def test_a_mark_seen_twice_is_kept_and_bounds_once() -> None:
    """7, 7: both are shown, the kernel phase ends at the first, the total at the last."""
    boot = one([*booted(values=(1, 5, 3, 6, 7, 7))])

    assert ["linux_start_user"] * 2 == names(boot)[-2:]
    assert (10, 70, ()) == (lengths(boot)["kernel"], lengths(boot)["total"], boot.suspect)


def test_marks_out_of_order_are_said_and_bound_nothing() -> None:
    """A mark that comes too early bounds no phase; the others keep theirs."""
    boot = one([*booted(values=(1, 7, 5, 3, 6))])

    expected = {"vmm": 10, "firmware": 20, "loader": 10, "kernel_early": 10, "total": 60}
    assert (("marks_out_of_order",), expected) == (boot.suspect, lengths(boot))


@pytest.mark.parametrize(
    ("bound", "suspect"),
    [(Bound.LE, ()), (Bound.EXACT, ("marks_out_of_order",)), (Bound.GE, ("marks_out_of_order",))],
)
def test_a_stamp_that_only_bounds_is_no_disorder(bound: Bound, suspect: tuple[str, ...]) -> None:
    """A line that was read late says that its place was passed before, and no more."""
    late = Event(1045, "console", EventKind.PASSED, 7, {"name": "fw_do_boot", "bound": bound})

    boot = one([*booted(1000, (1, 3, 6, 7)), late])

    assert suspect == boot.suspect


def test_a_late_line_hides_no_disorder() -> None:
    """The marks on its two sides are compared all the same."""
    late = Event(1045, "console", EventKind.PASSED, 7, {"name": "fw_do_boot", "bound": Bound.LE})

    boot = one([*booted(1000, (3, 1, 6, 7)), late])

    assert ("marks_out_of_order",) == boot.suspect


def test_a_mark_before_the_exec_is_out_of_order() -> None:
    """Time zero cannot come after the guest ran; no phase begins before it."""
    boot = one([*(wrote(900 + i, i) for i in (1, 5)), wrote(910, 3), *booted(1000, (6, 7))])

    expected = {"vmm": 10, "qemu_init_end..linux_start_kernel": 10, "kernel": 10, "total": 30}
    assert (("marks_out_of_order",), expected) == (boot.suspect, lengths(boot))


def test_a_disorder_within_the_error_is_none() -> None:
    """A late stamp bounds no phase, but is not suspect where its source says how late it may be."""
    events = [*booted(values=(1, 5)), wrote(1053, 3, source="debugcon", error_ns=45)]
    boot = one([*events, wrote(1050, 6), wrote(1060, 7)])

    expected = {"vmm": 10, "firmware": 10, "fw_do_boot..linux_start_kernel": 20, "kernel": 10}
    assert ((), expected) == (boot.suspect, parts(boot))


def test_values_above_the_protocol_are_exit_points() -> None:
    """An unnamed value is shown under its number and bounds no phase."""
    boot = one([*booted(), wrote(1100, 42)])

    assert ("Exit point 42", 100) == times(boot)[-1]
    assert (100, 50) == (lengths(boot)["total"], unaccounted(boot))
    assert "user" not in lengths(boot)


def test_the_user_phase_ends_at_the_first_named_mark() -> None:
    """It needs a mark with the user's own name, after linux_start_user."""
    rules = Rules(Names({42: "network_up", 43: "ready", 9: "early"}))
    writes = [wrote(1015, 9), wrote(1080, 41), wrote(1090, 42), wrote(1100, 43)]

    boot = one([*booted(), *writes], rules)

    expected = ("linux_start_user", "network_up", 60, 90)
    user = next(phase for phase in boot.phases if phase.name == "user")
    assert expected == (user.begin, user.end, user.begin_ns, user.end_ns)
    assert 100 == lengths(boot)["total"]


def test_the_user_phase_ends_at_until() -> None:
    """An exit point without a name ends it where the boot was measured until there."""
    boot = one([*booted(), wrote(1100, 42)], Rules(until="Exit point 42"))

    assert 40 == lengths(boot)["user"]


def test_the_users_own_phases_come_last_and_may_overlap() -> None:
    """They begin and end at first marks, or at the exec; one that lacks an end is not there."""
    own = {"host": ("exec", "fw_start"), "guest": ("fw_start", "linux_start_user")}
    rules = Rules(phases={**own, "never": ("fw_start", "Exit point 9")})

    boot = one([*booted()], rules)

    assert [("host", 20), ("guest", 40)] == [*lengths(boot).items()][-2:]
    assert 10 == unaccounted(boot)


# --- until ------------------------------------------------------------------------------------


@pytest.mark.parametrize("until", [name for name in RANK if name not in (NAMES[2], NAMES[4])])
def test_until_ends_the_total_and_the_parts(until: str) -> None:
    """Wherever a boot has got there, its parts and what is unaccounted add up to the total."""
    boot = one([*booted()], Rules(until=until))

    end_ns = dict(times(boot))[until]
    assert (Outcome.REACHED, end_ns) == (boot.outcome, lengths(boot)["total"])
    assert end_ns == sum(parts(boot).values()) + (unaccounted(boot) or 0)
    assert 6 == len(boot.marks)


def test_until_the_first_of_several() -> None:
    """With --until fw_do_boot the first device tried is the end."""
    boot = one([*booted(values=(1, 5, 5, 3))], Rules(until="fw_do_boot"))

    assert {"vmm": 10, "firmware": 10, "total": 30} == lengths(boot)


def test_until_not_seen() -> None:
    """A boot that ended before the mark has no total, and is no success."""
    boot = one([*booted(values=(1, 5))], Rules(until="linux_start_user"))

    assert (Outcome.ENDED, {"vmm": 10, "firmware": 10}) == (boot.outcome, lengths(boot))


# --- guest resets -----------------------------------------------------------------------------


def test_a_second_fw_start_is_a_second_attempt() -> None:
    """Marks are those of the attempt that got there; the first try is kept beside them."""
    boot = one([*booted(values=(1, 5, 1, 5, 3, 6, 7))])

    expected = ["qemu_init_end", *(NAMES[i] for i in (1, 5, 3, 6, 7))]
    assert (expected, 40) == (names(boot), boot.marks[1].time_ns)
    assert (2, ("guest_reset",)) == (boot.attempts, boot.suspect)
    assert ["fw_start", "fw_do_boot"] == [mark.name for mark in boot.other_attempts]


def test_a_firmware_that_starts_twice_was_reset() -> None:
    """Its very first code runs once, whatever follows."""
    boot = one([*booted(values=(1, 1, 5))])

    assert (2, [("fw_start", 30), ("fw_do_boot", 40)]) == (boot.attempts, times(boot)[1:])


def test_a_boot_that_goes_backwards_was_reset() -> None:
    """Without firmware marks it is the order that shows it."""
    boot = one([*booted(values=(3, 6, 7, 3, 6, 7))])

    assert (2, 3) == (boot.attempts, len(boot.other_attempts))


def test_a_reset_that_was_seen_begins_an_attempt() -> None:
    """6, reset, 6 is no duplicate: the second one counts."""
    reset = seen(EventKind.RESET, 1025)
    boot = one([*booted(values=(6, 6, 7)), reset])

    kernel = next(mark for mark in boot.marks if mark.name == "linux_start_kernel")
    assert (2, 30) == (boot.attempts, kernel.time_ns)


def test_a_reset_before_the_first_mark_is_none() -> None:
    """Machines are reset once before they run."""
    boot = one([seen(EventKind.RESET, 1005), *booted()])

    assert ((), 1) == (boot.suspect, boot.attempts)


def test_the_attempt_that_reached_until_counts() -> None:
    """What came after a reset does not replace the attempt that had got there."""
    boot = one([*booted(values=(1, 5, 3, 6, 7, 1, 5))], Rules(until="linux_start_user"))

    assert (60, Outcome.REACHED) == (lengths(boot)["total"], boot.outcome)
    assert [80, 70] == sorted((mark.time_ns for mark in boot.other_attempts), reverse=True)


def test_what_bounds_a_place_is_of_the_attempt_that_was_going_on() -> None:
    """A kernel that was not reached before the reset is the second attempt's, not the first's."""
    handed_over = passed(1065, "linux_start_boot", bound="le")

    boot = one([*booted(values=(1, 5, 1, 5)), handed_over, wrote(1070, 7)])

    assert (2, [10, 40, 50, 65, 70]) == (boot.attempts, [mark.time_ns for mark in boot.marks])


# --- several sources --------------------------------------------------------------------------


def test_the_most_accurate_source_is_believed() -> None:
    """A mark seen twice is one mark; the other stamp is kept for comparing sources."""
    late = [
        wrote(e.time_ns + 4, int(e.fields["value"]), source="debugcon") for e in [*booted()][2:]
    ]

    boot = one([*late, *booted()])

    assert [10, 20, 30, 40, 50, 60] == [mark.time_ns for mark in boot.marks]
    assert [24, 34, 44, 54, 64] == [mark.time_ns for mark in boot.also_seen]
    assert () == boot.suspect


def test_a_source_fills_what_another_missed() -> None:
    """Each mark comes from the best source that saw it."""
    late = [wrote(1024, 1, source="debugcon"), wrote(1034, 5, source="debugcon")]

    boot = one([*late, *booted(values=(1,))])

    assert ["perf", "perf", "debugcon"] == [mark.source for mark in boot.marks]


def test_what_only_bounds_a_mark_gives_way_to_it() -> None:
    """One source may see a trace point and its bounds: the mark is what was seen itself."""
    bounds = [passed(1044, "linux_start_boot", bound=bound) for bound in ("le", "ge")]

    boot = one([*booted(), *bounds])

    assert [("linux_start_boot", 40)] == [e for e in times(boot) if e[0] == "linux_start_boot"]
    assert [44, 44] == [mark.time_ns for mark in boot.also_seen]


def test_a_bound_stands_where_nothing_better_is() -> None:
    """Its phases are named as ever, and the mark says what it is."""
    boot = one([*booted(values=(1, 5, 6, 7)), passed(1034, "linux_start_boot", bound="le")])

    assert ["exact"] * 3 + ["le"] + ["exact"] * 2 == [mark.bound for mark in boot.marks]
    assert 4 == lengths(boot)["loader"]


def test_places_at_one_time_come_in_the_order_in_which_they_were_seen() -> None:
    """What was the last before a stamp and what was the first after it share it."""
    before = passed(1035, "decompress_end", bound="le")

    boot = one([executed(1000), before, passed(1035, "linux_start_kernel", bound="ge")])

    assert ["decompress_end", "linux_start_kernel"] == names(boot)


def test_switching_the_machine_off_is_no_part_of_the_boot() -> None:
    """The total ends with the mark before, unless the user wants it until then."""
    off = passed(1500, "power_off")

    totals = [
        lengths(one([*booted(), off], Rules(until=until)))["total"] for until in (None, "power_off")
    ]

    assert [60, 500] == totals


def test_a_place_brings_its_instructions() -> None:
    """What counts instructions says how many were run; a finer place bounds no phase."""
    boot = one([*booted(), passed(1035, "decompress_start", instructions=77)])

    assert [77] == [m.instructions for m in boot.marks if m.name == "decompress_start"]
    assert lengths(one([*booted()])) == lengths(boot)


# --- time zero --------------------------------------------------------------------------------


def test_the_last_exec_counts() -> None:
    """taskset, env and scripts exec again: QEMU is what was executed last."""
    boot = one([executed(500), *booted(1000)])

    assert (1000, 60) == (boot.exec_ns, lengths(boot)["total"])


def test_our_own_stamp_where_no_source_saw_the_exec() -> None:
    """A source without an exec counts from the stamp taken just before it."""
    boot = one([*booted(1000)][1:], ending=Ending(exec_stamp_ns=990))

    assert (990, 70, ()) == (boot.exec_ns, lengths(boot)["total"], boot.suspect)


def test_no_exec_at_all() -> None:
    """Times count from the first mark, there is no total, and nothing pretends to begin there."""
    rules = Rules(phases={"host": ("exec", "linux_start_user")})

    boot = one([*booted(1000)][1:], rules)

    assert (None, ("exec_not_seen",)) == (boot.exec_ns, boot.suspect)
    assert ("qemu_init_end", 0) == times(boot)[0]
    assert ["firmware", "loader", "kernel_early", "kernel"] == [*lengths(boot)]


# --- outcomes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ended_by", "values", "until", "expected"),
    [
        (EndedBy.ITSELF, (1, 5), None, Outcome.REACHED),
        (EndedBy.ITSELF, (1, 5), "linux_start_user", Outcome.ENDED),
        (EndedBy.TIMEOUT, (1, 5), None, Outcome.TIMEOUT),
        (EndedBy.TIMEOUT, (1, 5), "fw_do_boot", Outcome.REACHED),
        (EndedBy.PANIC, (6, 7), None, Outcome.GUEST_PANIC),
        (EndedBy.INTERNAL_ERROR, (6,), None, Outcome.INTERNAL_ERROR),
        (EndedBy.USER, (), None, Outcome.INTERRUPTED),
        (EndedBy.MARK, (7,), "linux_start_user", Outcome.REACHED),
        (None, (1,), None, Outcome.REACHED),
        (None, (1,), "linux_start_user", Outcome.ENDED),
    ],
)
def test_outcomes(
    ended_by: EndedBy | None, values: tuple[int, ...], until: str | None, expected: Outcome
) -> None:
    """How a boot ended follows from who ended it and what was seen until then."""
    boot = one([*booted(values=values)], Rules(until=until), Ending(ended_by))

    assert expected == boot.outcome


def test_qemu_that_leaves_before_any_mark_has_failed() -> None:
    """Its last words are kept."""
    boot = one([executed(1000)], ending=Ending(EndedBy.ITSELF, "-foo: invalid option"))

    expected = (Outcome.QEMU_FAILED, "-foo: invalid option", False)
    assert expected == (boot.outcome, boot.message, boot.ok)


def test_what_the_starter_suspects_is_kept() -> None:
    """Suspicions of whoever started the VM and of the events stand side by side."""
    events = [*booted(), seen(EventKind.LOST, 1030), seen(EventKind.CLOCK_STEP, 1040)]

    boot = one(events, ending=Ending(suspect=("host_suspended",)))

    assert ("host_suspended", "events_lost", "clock_step") == boot.suspect


# --- recordings of several boots --------------------------------------------------------------


def test_an_extra_or_a_missing_mark_stays_in_its_boot() -> None:
    """Boots are told apart by their process, never by position."""
    ragged = [*booted(1000, (1, 5, 5, 3, 6, 7), vm=1), *booted(2000, (1, 6, 7), vm=2)]

    boots = boots_of([*ragged, *booted(3000, vm=3)], Rules())

    assert [7, 4, 6] == [len(boot.marks) for boot in boots]
    assert [("linux_start_user", 60)] == times(boots[2])[-1:]


def test_concurrent_vms_are_kept_apart() -> None:
    """Interleaved events belong to their process."""
    together = sorted([*booted(1000, vm=1), *booted(1003, vm=2)], key=lambda event: event.time_ns)

    boots = boots_of(together, Rules())

    assert [(1, 60, ()), (2, 60, ())] == [(b.pid, lengths(b)["total"], b.suspect) for b in boots]


def test_a_process_id_that_comes_again_is_another_boot() -> None:
    """The next exec of the same pid begins the next VM."""
    boots = boots_of([*booted(1000), *booted(2000)], Rules())

    assert [(0, 1000), (1, 2000)] == [(boot.index, boot.exec_ns) for boot in boots]


def test_an_exec_without_a_guest_is_no_boot() -> None:
    """qemu-system-x86_64 --version is not counted, and shifts no index."""
    boots = boots_of([executed(500, vm=9), *booted(1000)], Rules())

    assert [(0, 1)] == [(boot.index, boot.pid) for boot in boots]


def test_a_wrapper_and_qemu_are_one_vm() -> None:
    """An exec follows an exec in one process: it is still the same start."""
    vms = split_vms([executed(500), *booted(1000), *booted(2000)])

    assert [500, 2000] == [vm[0].time_ns for vm in vms]


def test_no_events_no_boots() -> None:
    """An empty recording holds none."""
    assert [] == boots_of([], Rules())


@pytest.mark.parametrize(("lost_ns", "expected"), [(1500, "--"), (2030, "-L"), (900, "--")])
def test_a_loss_marks_the_boot_that_it_falls_into(lost_ns: int, expected: str) -> None:
    """A complete boot before or after it is not suspect."""
    loss = seen(EventKind.LOST, lost_ns, vm=-1)

    boots = boots_of([*booted(1000), *booted(2000, vm=2), loss], Rules())

    assert expected == "".join("L" if b.suspect == ("events_lost",) else "-" for b in boots)


@pytest.mark.parametrize(("lost_ns", "expected"), [(1500, True), (2030, False)])
def test_a_loss_told_later_may_have_cost_the_last_marks(*, lost_ns: int, expected: bool) -> None:
    """A boot that did not get there is suspect until the next one begins."""
    events = [*booted(1000, (1, 5)), *booted(2000, vm=2), seen(EventKind.LOST, lost_ns, vm=-1)]

    first, _ = boots_of(events, Rules())

    assert expected == ("events_lost" in first.suspect)


def test_a_loss_after_the_last_boot_that_did_not_get_there() -> None:
    """Nothing that follows shows that the recording was whole again in time."""
    (boot,) = boots_of([*booted(1000, (1, 5)), seen(EventKind.LOST, 9000, vm=-1)], Rules())

    assert ("events_lost",) == boot.suspect


def test_the_reach_of_a_loss_follows_until() -> None:
    """What came after the mark asked for cannot be missed."""
    events = [*booted(1000, (1, 5)), seen(EventKind.LOST, 1500, vm=-1)]

    (boot,) = boots_of(events, Rules(until="fw_do_boot"))

    assert () == boot.suspect


# --- tables -----------------------------------------------------------------------------------


def test_a_row_of_a_table_is_a_boot() -> None:
    """Its marks may come in any order of columns; the exec is its zero."""
    boot = boot_of_marks(marks(fw_do_boot=30, fw_start=20), index=3, rules=Rules())

    expected = (3, [("fw_start", 20), ("fw_do_boot", 30)], ())
    assert expected == (boot.index, times(boot), boot.suspect)


def test_a_row_out_of_order_is_suspect() -> None:
    """A table is no more trusted than a recording."""
    boot = boot_of_marks(marks(fw_start=30, fw_do_boot=20), index=0, rules=Rules())

    assert ("marks_out_of_order",) == boot.suspect


# --- invariants -------------------------------------------------------------------------------

_MARK = st.builds(
    Mark,
    st.sampled_from([*RANK, "Exit point 8", "ready"]),
    st.integers(0, 200),
    st.just("table"),
    error_ns=st.sampled_from([0, 45]),
)


@given(st.lists(_MARK, max_size=14), st.sampled_from([None, *RANK, "ready"]))
def test_phases_never_overlap_and_add_up(found: list[Mark], until: str | None) -> None:
    """Whatever marks come in whatever order: parts follow each other and fit into the total."""
    rules = Rules(Names({9: "ready"}), until)
    boot = boot_of_marks(found, index=0, rules=rules)

    pieces = [phase for phase in boot.phases if phase.name != "total"]
    assert all(before.end_ns <= after.begin_ns for before, after in pairwise(pieces))
    assert all(0 <= phase.begin_ns <= phase.end_ns for phase in boot.phases)
    left_ns = unaccounted(boot)
    assert left_ns is None or left_ns >= 0
    if left_ns is not None:
        assert lengths(boot)["total"] == left_ns + sum(phase.duration_ns for phase in pieces)


@given(st.permutations([*booted(), wrote(1033, 5), entered(1035), seen(EventKind.LOST, 1030)]))
def test_the_order_of_events_does_not_matter(events: list[Event]) -> None:
    """CPUs and sources tell their events in any order."""
    expected = one([*booted(), wrote(1033, 5), entered(1035), seen(EventKind.LOST, 1030)])

    assert expected == one(events)


def test_phases_of_nothing() -> None:
    """No mark, no phase; also where the exec is known."""
    assert ((), ()) == tuple(phases_of([], Rules(), from_exec=known) for known in (True, False))


def test_what_stands_before_the_total_parts_it() -> None:
    """What comes after it is the user's own; without a total nobody can tell."""
    first, total, own = (Phase(name, "exec", "end", 0, 9) for name in ("vmm", "total", "own"))

    assert ((first,), total, (own,)) == split_at_total((first, total, own))
    assert ((first, own), None, ()) == split_at_total((first, own))


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], [(0, 10)]),
        ([(0, 10)], []),
        ([(6, 8), (2, 4)], [(0, 2), (4, 6), (8, 10)]),
        ([(1, 9), (2, 4)], [(0, 1), (9, 10)]),
        ([(12, 15)], [(0, 10)]),
    ],
)
def test_gaps(parts: list[tuple[int, int]], expected: list[tuple[int, int]]) -> None:
    """What no part covers, inside the whole alone; parts may overlap and stick out."""
    assert expected == list(gaps((0, 10), parts))
