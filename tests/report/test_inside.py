"""What happened inside a guest, for a terminal and as JSON."""

import json
from typing import Any

from qemu_boot_time.model import Alignment, Boot, Inside, Outcome, Purpose, Run, Span
from qemu_boot_time.report.json import to_json
from qemu_boot_time.report.text import to_text

MS = 1_000_000
BOOT = Boot(index=2, pid=7, outcome=Outcome.REACHED, exec_ns=5)
TIED = Alignment(
    error_ns=51_000, apart_ns=2 * 10**9, drift_ns=-200_000, first_ns=2500 * MS, lost_ns=36_000_000
)
EVIL = "\x1b[31m\u202e\r\n[red]x[/red]\udc80"


def unit(name: str, begin_ms: int, length_ms: int) -> Span:
    """Make a unit's span."""
    return Span(name, begin_ms * MS, (begin_ms + length_ms) * MS, "userspace", "systemd")


def units(*spans: Span, **changes: Any) -> Inside:
    """Make a boot that looked at units."""
    usual: dict[str, Any] = {"alignment": TIED, "spans": spans}
    return Inside(Purpose.UNITS, BOOT, **{**usual, **changes})


def shown(inside: Inside) -> str:
    """Render a run that has only this."""
    return to_text(
        Run("night", (), inside=(inside,)),
    )


def document(inside: Inside) -> dict[str, Any]:
    """Render it as JSON and read that."""
    run = Run("night", (), inside=(inside,))
    found: dict[str, Any] = json.loads(to_json(run))
    return found


def test_stages_targets_and_units_are_three_tables() -> None:
    """Times since the exec, then the length."""
    text = shown(
        units(
            Span("kernel", 500 * MS, 4500 * MS, "", "systemd"),
            Span("unpack initramfs", 900 * MS, 950 * MS, "kernel", "kmsg"),
            unit("a.service", 5000, 250),
            unit("basic.target", 6000, 0),
        )
    )

    assert [
        "inside: units, in a boot that does not count",
        "the guest's clock is tied to the host's within 0.051 ms, at 2500.000 ms and",
        "2000.000 ms later; between these it drifted by -0.200 ms",
        "before that it is counted back, by a clock that had lost 36.000 ms: times of the",
        "kernel may be as much earlier",
        "",
        "stage (ms since exec)       begin       end    length",
        "kernel                    500.000  4500.000  4000.000",
        "unpack initramfs          900.000   950.000    50.000",
        "",
        "target (ms since exec)       begin       end  length",
        "basic.target              6000.000  6000.000   0.000",
        "",
        "1 slowest of 1 units         begin       end   length",
        "a.service                 5000.000  5250.000  250.000",
    ] == text.splitlines()[2:]


def test_the_ten_slowest_are_shown() -> None:
    """The slowest first; JSON has all of them."""
    inside = units(*(unit(f"u{i}.service", 100 + i, i) for i in range(1, 13)))

    text = shown(inside)

    names = [line.split()[0] for line in text.splitlines() if ".service" in line]
    assert [f"u{i}.service" for i in range(12, 2, -1)] == names
    assert "10 slowest of 12 units" in text
    assert 12 == len(document(inside)["inside"][0]["spans"])


def test_the_module_of_an_initcall_is_named() -> None:
    """What is the kernel's own needs no more words."""
    calls = (
        Span("inet_init", 1 * MS, 3 * MS, "kernel", "initcall_debug"),
        Span("init", 4 * MS, 5 * MS, "virtio", "initcall_debug"),
    )

    text = shown(Inside(Purpose.INITCALLS, BOOT, calls, Alignment(2_000)))

    names = [line.partition("  ")[0] for line in text.splitlines()[-2:]]
    assert ["inet_init", "init [virtio]"] == names
    assert "within 0.002 ms, at 0.000 ms alone:" in text


def test_what_was_not_seen_is_said() -> None:
    """And nothing is shown that is not known."""
    text = shown(units(alignment=None, notes=("no units: there is no systemd",)))

    assert ["note: no units: there is no systemd"] == text.splitlines()[3:]


def test_nothing_of_the_guest_reaches_the_terminal() -> None:
    """Names of units are the guest's words."""
    text = shown(units(unit(EVIL, 1, 1), notes=(EVIL,)))

    assert all(character == "\n" or character.isprintable() for character in text)
    assert r"[red]x[/red]\x80" in text


def test_the_json_of_a_boot_that_looked() -> None:
    """Its alignment and its spans; a name that is no text is one all the same."""
    (found,) = document(units(unit(EVIL, 1, 2), notes=("one",)))["inside"]

    assert ("units", 2, ["one"]) == (found["purpose"], found["boot"]["index"], found["notes"])
    assert {
        "error_ns": 51_000,
        "apart_ns": 2 * 10**9,
        "drift_ns": -200_000,
        "first_ns": 2500 * MS,
        "lost_ns": 36 * MS,
    } == found["alignment"]
    assert [
        {
            "name": EVIL[:-1] + r"\udc80",
            "begin_ns": MS,
            "end_ns": 3 * MS,
            "duration_ns": 2 * MS,
            "parent": "userspace",
            "source": "systemd",
        }
    ] == found["spans"]


def test_a_run_that_did_not_look_says_nothing_of_it() -> None:
    """The key is there for those who asked."""
    run = Run("night", ())

    assert "inside" not in json.loads(to_json(run))
