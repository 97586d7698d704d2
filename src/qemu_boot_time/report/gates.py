"""Budgets that were judged, a line each for a person, and as a document."""

from collections.abc import Iterable, Iterator
from typing import Any

from qemu_boot_time.report.json import plain
from qemu_boot_time.report.parts import printable
from qemu_boot_time.stats.judging import Judged, State

WORDS = {
    State.HELD: "held",
    State.BROKEN: "broken",
    State.UNDECIDED: "undecided",
    State.UNKNOWN: "broken",
}


def gate_lines(judged: Iterable[Judged], *, every: bool) -> Iterator[str]:
    """Say what became of each budget; of those that are kept only if ``every`` is asked for.

    And of those for which some boots were not asked, because they lack what is judged.
    """
    for each in judged:
        if every or each.remark or each.state is not State.HELD:
            yield f"budget {WORDS[each.state]}: {printable(f'{each.gate.words}: {each.line}')}"


def gate_documents(judged: Iterable[Judged]) -> list[dict[str, Any]]:
    """Give the ``gates`` of a JSON document; ``value_ns`` is whole, and so are all but per cent."""
    return [_document(each) for each in judged]


def _document(judged: Judged) -> dict[str, Any]:
    value = {} if judged.value is None else {f"value_{judged.unit}": judged.value}
    return {
        "kind": judged.gate.kind,
        "condition": plain(judged.gate.text),
        "state": judged.state,
        **value,
        "line": plain(judged.line),
    }
