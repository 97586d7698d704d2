"""Whose thread is this: what the kernel tells, what can be concluded, what must stay open."""

from collections.abc import Iterable

from qemu_boot_time.sources.kvm_trace import ENTRY, EXEC, FORK, PIO, Forked, Lost, TraceRecord
from qemu_boot_time.sources.threads import EXIT, Processes, Unmatched
from qemu_boot_time.sources.vmm import Vmm

_QEMU = "/usr/bin/qemu-system-x86_64"
_COMM = "qemu-system-x86"


def _record(event: str, tid: int, comm: str = _COMM, **fields: object) -> TraceRecord:
    return TraceRecord(0, event, tid, tid, comm, fields)


def _exec(pid: int, filename: str = _QEMU) -> TraceRecord:
    return _record(EXEC, pid, filename=filename)


def _fork(parent: int, child: int) -> TraceRecord:
    return _record(FORK, parent, parent_pid=parent, child_pid=child)


def _enter(tid: int, vcpu: int = 0, comm: str = _COMM) -> TraceRecord:
    return _record(ENTRY, tid, comm, vcpu_id=vcpu)


def _write(tid: int, value: int = 1, comm: str = _COMM) -> TraceRecord:
    port = 0xF5 if value in {1, 5} else 0xF4
    return _record(PIO, tid, comm, rw=1, port=port, val=value)


def _processes(
    records: Iterable[TraceRecord | Lost],
) -> tuple[list[tuple[int, int]], list[Unmatched]]:
    """Give (thread, process) of each record at work in KVM, and the threads left over."""
    processes = Processes(Vmm())
    given = [
        (record.tid, record.pid)
        for record in processes.of(records)
        if isinstance(record, TraceRecord) and record.event in {ENTRY, PIO}
    ]
    return given, list(processes.unmatched.values())


def test_forks_tell() -> None:
    """Threads of threads belong to the process that was executed, whoever else runs."""
    records = [_exec(10), _exec(11), _fork(10, 12), _fork(11, 13), _fork(12, 14)]

    given = _processes([*records, _write(13), _write(14)])

    assert given == ([(13, 11), (14, 10)], [])


def test_forks_are_passed_on() -> None:
    """Of processes, so that the line of a VM's processes is known."""
    processes = Processes(Vmm())

    given = list(processes.of([_exec(5, "/bin/sh"), _fork(5, 10), _exec(10)]))

    assert given[1] == Forked(0, 10, 5)


def test_a_lone_vm_has_all_threads() -> None:
    """One VM and a thread that is younger than it."""
    assert _processes([_exec(10), _enter(12), _write(12)]) == ([(12, 10), (12, 10)], [])


def test_boots_after_each_other_have_a_first_vcpu_each() -> None:
    """The first VM has its vCPU 0 already, so another one is the second's."""
    records = [_exec(10), _enter(12), _exec(20), _enter(22), _exec(30), _enter(32)]

    assert _processes(records) == ([(12, 10), (22, 20), (32, 30)], [])


def test_marks_tell_the_first_vcpu() -> None:
    """Where guest entries were not recorded: firmware runs on the first vCPU."""
    records = [_exec(10), _write(12), _exec(20), _write(22)]

    assert _processes(records) == ([(12, 10), (22, 20)], [])


def test_the_last_mark_may_come_from_any_vcpu() -> None:
    """kernel_init() says nothing of the number of its vCPU."""
    records = [_exec(10), _write(12, 6), _write(13, 7)]

    assert _processes(records) == ([(12, 10), (13, 10)], [])


def test_every_vcpu_is_matched() -> None:
    """Two boots of two vCPUs each."""
    records = [
        *(_exec(10), _enter(12), _enter(13, 1), _write(13, 7)),
        *(_exec(20), _enter(22), _enter(23, 1), _write(23, 7)),
    ]

    expected = [(12, 10), (13, 10), (13, 10), (22, 20), (23, 20), (23, 20)]
    assert _processes(records) == (expected, [])


def test_two_at_once_are_not_guessed() -> None:
    """Two VMs, two threads, and nothing that tells them apart: their marks are left out."""
    records = [_exec(10), _exec(11), _enter(14), _write(14), _enter(15), _write(15)]

    left_over = [Unmatched(14, (10, 11)), Unmatched(15, (10, 11))]
    assert _processes(records) == ([], left_over)


def test_a_thread_without_marks_is_no_trouble() -> None:
    """Only marks that are left out are worth a word."""
    assert _processes([_exec(10), _exec(11), _enter(14)]) == ([], [])


def test_after_two_at_once_a_third_is_known() -> None:
    """Whose is whose, their first vCPUs are taken."""
    records = [_exec(10), _exec(11), _write(14), _write(15), _exec(20), _write(22)]

    given, left_over = _processes(records)

    assert given == [(22, 20)]
    assert [thread.tid for thread in left_over] == [14, 15]


def test_a_thread_is_younger_than_its_process() -> None:
    """The thread's id lies between those of the two processes."""
    assert _processes([_exec(10), _exec(20), _write(12)])[0] == [(12, 10)]


def test_a_vm_that_ended_has_no_more_threads() -> None:
    """``qemu --version`` before the boot is out of the way once its exit was recorded."""
    records = [_exec(10), _record(EXIT, 10), _exec(20), _write(22)]

    assert _processes(records) == ([(22, 20)], [])


def test_a_wrapper_executes_again() -> None:
    """One process, two execs."""
    assert _processes([_exec(10, "/bin/env"), _exec(10), _write(12)])[0] == [(12, 10)]


def test_another_program_in_the_process_is_no_vm() -> None:
    """QEMU that executes something else has no vCPUs left."""
    records = [_exec(10), _exec(10, "/bin/true"), _exec(20), _write(22)]

    assert _processes(records) == ([(22, 20)], [])


def test_a_vm_older_than_the_recording_is_named_by_its_first_vcpu() -> None:
    """Nobody saw its exec; its other vCPUs are still its own."""
    records = [_write(12), _enter(13, 1), _write(13, 7)]

    assert _processes(records) == ([(12, 12), (13, 12), (13, 12)], [])


def test_an_older_vm_does_not_become_the_new_one() -> None:
    """Its threads are older than the new process."""
    assert _processes([_exec(50), _write(12), _write(52)])[0] == [(12, 12), (52, 50)]


def test_threads_that_libvirt_named_are_matched() -> None:
    """``CPU 0/KVM`` is a vCPU of QEMU."""
    assert _processes([_exec(10), _write(12, comm="CPU 0/KVM")])[0] == [(12, 10)]


def test_threads_of_other_programs_are_not_taken_for_qemu() -> None:
    """Another VMM's vCPU is no thread of a QEMU that happens to run."""
    assert _processes([_exec(10), _write(12, comm="fc_vcpu 0")])[0] == [(12, 12)]


def test_a_thread_without_a_name_is_matched() -> None:
    """The kernel remembers the names of a few threads only."""
    assert _processes([_exec(10), _write(12, comm="")])[0] == [(12, 10)]


def test_a_thread_id_that_is_used_again_is_another_thread() -> None:
    """Its fork says whose it is now."""
    records = [_exec(10), _fork(10, 12), _write(12), _record(EXIT, 12), _exec(9), _fork(9, 12)]

    assert _processes([*records, _write(12)])[0] == [(12, 10), (12, 9)]


def test_a_thread_that_ended_is_matched_anew() -> None:
    """Without fork events, too."""
    records = [_exec(10), _write(12), _record(EXIT, 12), _record(EXIT, 10), _exec(11), _write(12)]

    assert _processes(records)[0] == [(12, 10), (12, 11)]


def test_losses_are_passed_on() -> None:
    """They belong to no thread."""
    assert list(Processes(Vmm()).of([Lost(5, 3)])) == [Lost(5, 3)]
