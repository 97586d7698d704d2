"""What failed in a run and what is suspect: for a person, boots with the same trouble on one line."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from qemu_boot_time.model import Boot, Outcome, Run
from qemu_boot_time.report.json import plain
from qemu_boot_time.report.parts import printable
from qemu_boot_time.stats.likeness import listed

_WITHOUT_A_WORD = {Outcome.QEMU_FAILED: "it left without a mark"}
"""What is said where QEMU said nothing."""
FAILED, INTERRUPTED = "failed", "interrupted"


def verdict(boot: Boot) -> str:
    """Name what a boot without a result is: one that the user stopped has shown no fault."""
    return INTERRUPTED if boot.outcome is Outcome.INTERRUPTED else FAILED


def without_result(boots: Iterable[Boot]) -> list[str]:
    """Say how many boots have none, and why not: ``3 failed``, ``1 interrupted``."""
    verdicts = Counter(verdict(boot) for boot in boots if not boot.ok)
    return [f"{verdicts[word]} {word}" for word in (FAILED, INTERRUPTED) if verdicts[word]]


def failure_lines(boots: Iterable[Boot]) -> Iterator[str]:
    """Say which boots failed, how, how far they had come, and what QEMU said."""
    for same in _failures(boots).values():
        numbers = listed([boot.number for boot in same])
        line = f"{verdict(same[0])}: boot {numbers}: {printable(_failure(same[0]))}"
        yield line.rstrip(": ")


def failure_lines_of_sides(first: Run, second: Run) -> Iterator[str]:
    """Say the same of two runs that are compared, with the side before it."""
    for side, run in (("first", first), ("second", second)):
        yield from (f"{side}: {line}" for line in failure_lines(run.boots))


def suspect_lines(boots: Iterable[Boot]) -> Iterator[str]:
    """Say which boots should not be trusted, and why."""
    found: dict[str, list[int]] = {}
    for boot in boots:
        for reason in boot.suspect:
            found.setdefault(reason, []).append(boot.number)
    for reason, numbers in found.items():
        yield f"suspect: boot {listed(numbers)}: {printable(reason)}"


def failure_documents(boots: Iterable[Boot]) -> list[dict[str, Any]]:
    """Give the same of failures as plain values; ``indices`` count from 0."""
    return [
        {
            "outcome": same[0].outcome,
            "after": plain(_last_mark(same[0])),
            "message": plain(same[0].message),
            "indices": [boot.index for boot in same],
        }
        for same in _failures(boots).values()
    ]


def _failures(boots: Iterable[Boot]) -> Mapping[tuple[str, str], list[Boot]]:
    found: dict[tuple[str, str], list[Boot]] = {}
    for boot in boots:
        if not boot.ok:
            found.setdefault((verdict(boot), _failure(boot)), []).append(boot)
    return found


def _failure(boot: Boot) -> str:
    outcome = "" if boot.outcome is Outcome.INTERRUPTED else boot.outcome
    last = _last_mark(boot)
    came_to = f"after {last}" if last else ""
    why = boot.message or _WITHOUT_A_WORD.get(boot.outcome, "")
    return f"{outcome} {came_to}".strip() + (f": {why}" if why else "")


def _last_mark(boot: Boot) -> str:
    return boot.marks[-1].name if boot.marks else ""
