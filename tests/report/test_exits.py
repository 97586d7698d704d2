"""Where boots leave the guest, in words, in a table, in JSON."""

import json
from collections.abc import Sequence
from dataclasses import replace

from profiles import boot, counter, failed, profiled
from qemu_boot_time.exits import ExitKind, PhaseTime
from qemu_boot_time.model import Boot, Outcome, Profile, Run
from qemu_boot_time.report.exits import exits_lines, phase_heading, sentence
from qemu_boot_time.report.json import to_json
from qemu_boot_time.report.text import to_text
from qemu_boot_time.stats.exits import exits_of

MS = 10**6
WIDTH = 80
BAD = "x\udc80"
EVIL = "\x1b[31m\u202e\r\n[red]x[/red]"


def section(run: Run) -> list[str]:
    """Give the lines from the headline of the exits to the notes."""
    lines = to_text(run).splitlines()
    begin = next(i for i, line in enumerate(lines) if line.startswith("exits:"))
    end = next(i for i, line in enumerate(lines) if i > begin and line.startswith("note:"))
    return [line for line in lines[begin:end] if line]


def test_words_come_first() -> None:
    """What the profile costs, and where most of a phase's time went."""
    run = profiled([counter("fw_cfg", 412_000, 12 * MS), counter("ide", 1_000, MS)])

    headline, cost, more, words, rest, *_ = section(run)

    assert "exits: 1 boot that does not count" == headline
    assert (
        "the profile's own cost: its boots took 2.00 times the CPU time and 1.91 times as "
        "long (1 profiled, 3 measured before; too few to say how sure)"
    ) == f"{cost} {more}"
    assert (
        "firmware: 65.0% of its time outside, in 413,000 exits; 60.0% in 412,000 port "
        "reads of fw_cfg"
    ) == f"{words} {rest}"


Taken = Sequence[int]
"""What boots took, in ms."""


def cost(profiled_ms: Taken, measured_ms: Taken, cpu_ms: tuple[Taken, Taken]) -> str:
    """Give what is said of a profile's cost, of boots with these firmwares and these CPU times."""
    run = profiled(*([counter("ide", 1)] for _ in profiled_ms))
    taken = [
        zip(*each, strict=True) for each in zip((profiled_ms, measured_ms), cpu_ms, strict=True)
    ]
    known, boots = (
        [replace(boot(i, length), cpu_ns=cpu * MS) for i, (length, cpu) in enumerate(each)]
        for each in taken
    )
    profiles = (replace(p, boot=b) for p, b in zip(run.profiles, known, strict=True))
    run = replace(run, boots=tuple(boots), profiles=tuple(profiles))
    return next(exits_lines(run, exits_of(run)))


def test_a_ratio_without_an_interval_says_why_itself() -> None:
    """Too few boots, and boots that spread too widely, are two things; either is said of that ratio alone."""
    alike, steady = (20, 20, 21), (10, 11, 12, 13, 14)
    apart, wide = (18, 20, 22), (2, 18, 19, 20, 21)

    one = cost((20,), steady, ((20,), steady))
    mixed = cost(alike, steady, (apart, wide))
    both = cost(apart, wide, (apart, wide))

    assert one.endswith("(1 profiled, 5 measured before; too few to say how sure)")
    assert (
        "times the CPU time (these boots spread too widely for an interval of so few) and" in mixed
    )
    assert mixed.endswith("] times as long; 3 profiled, 5 measured before")
    widely = "; these boots spread too widely for an interval of so few)"
    assert both.endswith(f"(3 profiled, 5 measured before{widely}")


def test_a_phase_that_is_not_in_all_boots_says_so() -> None:
    """In its sentence, and above its table."""
    run = profiled([counter("ide", 100, 10 * MS)], [counter("ide", 1, MS)])
    other = replace(
        run.profiles[1],
        boot=Boot(9, 1, Outcome.REACHED),
        counters=(replace(counter("ide", 1), phase="vmm"),),
    )

    lines = section(replace(run, profiles=(run.profiles[0], other)))

    said = "firmware (1 of 2 boots): 50.0% of its time outside, in 100 exits; 50.0% in 100 port reads of ide"
    assert said in " ".join(lines)
    assert any(line.startswith("firmware (20.000 ms; 1 of 2 boots)") for line in lines)


def test_what_was_not_watched_is_said_beside_the_length() -> None:
    """A share is of the time in which QEMU made no memory map."""
    run = profiled([counter("ide", 1, MS)], [counter("ide", 1)])
    times = (PhaseTime("firmware", 20 * MS, n * MS, 1, 1) for n in (5, 0))
    pairs = zip(run.profiles, times, strict=True)
    run = replace(run, profiles=tuple(replace(p, times=(time,)) for p, time in pairs))

    (phase,) = exits_of(run).phases

    assert "firmware (20.000 ms; watched for 5.000 ms in 1 of 2 boots)" == phase_heading(phase)
    assert "firmware: 20.0% of its time outside" in sentence(phase)


def test_several_vcpus_are_told() -> None:
    """A share is then of the time of all that did something."""
    run = profiled([counter("ide", 1000, 35 * MS)])
    time = PhaseTime("firmware", 20 * MS, 20 * MS, 4, 2)
    run = replace(run, profiles=(replace(run.profiles[0], times=(time,)),))

    (phase,) = exits_of(run).phases

    assert (
        "firmware: 87.5% of its 2 vCPUs' time outside, in 1,000 exits; 87.5% in 1,000 port reads of ide"
    ) == sentence(phase)


def test_an_exit_that_only_reaches_into_a_phase_is_told_in_words() -> None:
    """It is none of those that are counted; where the middle of several boots is none, the range is told."""
    away = counter("", 0, 10 * MS, kind=ExitKind.OTHER, reason="EXIT_NPF")

    (only,) = exits_of(profiled([away])).phases
    (some,) = exits_of(profiled([away], [replace(away, exits=1)])).phases

    begun = "firmware: 50.0% of its time outside, in 0 exits; 50.0% in EXIT_NPF begun before it"
    assert begun == sentence(only)
    assert sentence(some).endswith("50.0% in 0-1 EXIT_NPF")


def test_without_times_counts_must_do() -> None:
    """One exit is one, and what nobody owns has no device."""
    run = profiled([counter("", 2, kind=ExitKind.PORT_WRITE), counter("ide", 1)])

    assert "firmware: 3 exits, 2 port writes of no device at 0x1-0x2" in section(run)


def test_what_nobody_knows_is_not_called_nobodys() -> None:
    """Without a memory map there may be a device; the sentence and the table say that it is not known."""
    run = profiled([counter(None, 2, 3 * MS, kind=ExitKind.PORT_WRITE)])

    lines = section(run)

    said = "15.0% in 2 port writes at 0x1-0x2 (device not known)"
    assert said in " ".join(lines)
    assert any(line.startswith("device not known at 0x1-0x2, port write ") for line in lines)


def test_boots_without_a_map_are_not_mixed_with_others() -> None:
    """Their rows are of no device, so each device would look as if half of the boots had none of its exits."""
    unmapped = [counter(None, 6, 9 * MS)]
    mixed = profiled([counter("ide", 4, MS)], unmapped, [counter("ide", 4, MS)])

    lines = section(mixed)

    assert ["exits: 2 boots that do not count", "left out: boot 5 (devices not known)"] == lines[:2]
    assert "firmware: 5.0% of its time outside, in 4 exits; 5.0% in 4 port reads of ide" in lines
    assert "exits: 1 boot that does not count" == section(profiled(unmapped))[0]


def test_registers_are_the_processors() -> None:
    """No device has them."""
    run = profiled([counter("", 1, kind=ExitKind.MSR_READ)])

    assert "firmware: 1 exit, 1 msr read of processor at 0x1-0x2" in section(run)


def test_a_table_a_phase() -> None:
    """Devices by kind, how far boots differ, the idle guest; the rest is one row."""
    hlt = counter("", 4, 5 * MS, kind=ExitKind.OTHER, reason="EXIT_HLT")
    many = [counter(f"device {i:02}", 10 + i, (30 - i) * 1000) for i in range(11)]

    lines = section(profiled([*many, hlt], [*many, hlt, counter("device 00", 2, 0)]))

    cells = [" ".join(line.split()) for line in lines]
    assert "firmware (20.000 ms) exits accesses outside ms share" in cells
    assert "device 00, port read 11 (10-12) 11 (10-12) 0.030 0.1%" in cells
    assert ["1 more 20 20 0.020 0.1%", "idle EXIT_HLT 4 5.000 25.0%"] == cells[-2:]
    assert max(map(len, lines)) <= WIDTH


def test_a_share_of_busy_time_goes_with_busy_exits() -> None:
    """What a guest was idle is told by itself; a phase that was idle alone has its exits all the same."""
    hlt = counter("", 4, 5 * MS, kind=ExitKind.OTHER, reason="EXIT_HLT")

    busy, idle = (section(profiled(each)) for each in ([hlt, counter("ide", 1, MS)], [hlt]))

    said = "firmware: 5.0% of its time outside, in 1 exit; 5.0% in 1 port read of ide; idle for 5.000 ms"
    assert said in " ".join(busy)
    assert "firmware: 4 exits; idle for 5.000 ms" in idle


def test_names_from_elsewhere_are_shown_as_they_are() -> None:
    """A phase is the user's word, a device QEMU's, a message anybody's: none of them is obeyed."""
    counters = [
        replace(counter(EVIL, 2), phase=EVIL),
        replace(counter(EVIL, 1, kind=ExitKind.OTHER, reason=EVIL), phase=EVIL),
    ]
    bad = Profile(replace(failed(9).boot, message=EVIL), notes=(EVIL,))
    run = profiled(counters)

    text = to_text(replace(run, profiles=(*run.profiles, bad)))

    assert [] == [c for c in text if not c.isprintable() and c != "\n"]
    shown = "".join(text.split())
    assert 7 == shown.count("[red]x[/red]")


def test_a_boot_that_is_left_out_says_why() -> None:
    """It failed, or was not recorded whole."""
    run = profiled([counter("ide", 1)])
    lost = Profile(replace(run.boots[0], index=8), notes=("7 events were lost",))

    lines = section(replace(run, profiles=(*run.profiles, failed(9), lost)))

    assert "left out: boot 10 (timeout), boot 9 (exits not known)" == lines[1]


def test_without_a_whole_boot_nothing_is_known() -> None:
    """The reason stands below."""
    text = to_text(replace(profiled(), profiles=(failed(9),)))

    assert "exits: not known of any boot\nleft out: boot 10 (timeout)\n" in text


def test_json_has_all() -> None:
    """The counters of each boot as they are, and what they come to."""
    run = profiled([counter("fw_cfg", 7, 12 * MS, region="fwcfg")])

    document = json.loads(to_json(run))["profile"]

    (boot,) = document["boots"]
    assert [
        {
            "phase": "firmware",
            "kind": "port read",
            "exits": 7,
            "accesses": 7,
            "device": "fw_cfg",
            "region": "fwcfg",
            "reason": "KVM_EXIT_IO",
            "addresses": [1, 2],
            "outside_ns": 12 * MS,
        }
    ] == boot["counters"]
    (phase,) = document["phases"]
    assert ("firmware", 20 * MS, {"median": 7, "least": 7, "most": 7}) == (
        phase["phase"],
        phase["length_ns"],
        phase["exits"],
    )
    assert ["CPU time", "total", "exec..fw_start", "firmware"] == [
        each["name"] for each in document["cost"]
    ]


def test_a_name_that_is_no_text_is_one_in_json() -> None:
    """A device's is QEMU's command line's, a phase's the user's: any bytes."""
    run = profiled([replace(counter(BAD, 7, region=BAD), phase=BAD)])
    (profile,) = run.profiles

    text = to_json(replace(run, profiles=(replace(profile, notes=(BAD,)),)))

    document = json.loads(text)["profile"]
    (boot,) = document["boots"]
    (counted,), (phase,) = boot["counters"], document["phases"]
    found = [counted["phase"], counted["device"], counted["region"], *boot["notes"]]
    assert [r"x\udc80"] * 6 == [*found, phase["phase"], phase["rows"][0]["device"]]
    assert r"7 port reads of x\udc80" in phase["words"]


def test_a_run_without_a_profile_says_nothing_of_it() -> None:
    """Neither in the table nor in JSON."""
    run = profiled()

    assert "exits:" not in to_text(run)
    assert "profile" not in json.loads(to_json(run))
