"""Lines of a guest's console: the same marks from the same bytes, however they come."""

import random
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qemu_boot_time.errors import CorruptFileError, InputError
from qemu_boot_time.model import Bound, Event, EventKind
from qemu_boot_time.protocol import CONSOLE_POINTS, RANK
from qemu_boot_time.sources import console
from qemu_boot_time.sources.base import Arm, Asked
from qemu_boot_time.sources.console.lines import READING_NS, Guest, plain
from qemu_boot_time.sources.console.patterns import PATTERNS, Stream, with_matches
from qemu_boot_time.sources.console.raw import Read, line_of

DATA = Path(__file__).parents[1] / "data"
FW, TTY = Stream.FIRMWARE, Stream.SERIAL
TARGETS = ["target:sysinit", "target:basic", "target:multi-user", "target:graphical"]
SYSTEMD = ["fw_start", "fw_do_boot", "linux_start_kernel", "linux_start_user", "systemd_start"]
RECORDED = {
    "console-stock-kernel": ["fw_start", "fw_do_boot", "linux_start_kernel", "linux_start_user"],
    "console-line-cut-by-video-mode": ["fw_start", "fw_do_boot", "linux_start_kernel"],
    "console-seabios-screen": ["fw_start", "fw_do_boot", "fw_do_boot", "fw_do_boot"],
    "console-systemd": [*SYSTEMD, *TARGETS, "login_prompt"],
    "console-systemd-quiet": [
        "fw_start",
        "fw_do_boot",
        *TARGETS,
        "systemd_finished",
        "login_prompt",
    ],
    "console-ovmf": ["efi_stub", "linux_start_kernel"],
    "console-ovmf-shell": ["fw_do_boot"],
}


def recorded(name: str) -> dict[Stream, bytes]:
    """Give the bytes of a recording, the firmware's first: they were written first."""
    files = {stream: DATA / name / f"{stream}.bin" for stream in Stream}
    return {stream: file.read_bytes() for stream, file in files.items() if file.exists()}


def told(*pieces: tuple[Stream, bytes], matches: Mapping[str, str] | None = None) -> list[Event]:
    """Feed a boot's text piece by piece, a microsecond apart."""
    guest = Guest(with_matches(matches or {}), 0)
    found = (
        guest.feed(Read(0, stream, 1000 * i, 1000 * (i + 1), data))
        for i, (stream, data) in enumerate(pieces)
    )
    return [event for events in found for event in events]


def names(events: Iterable[Event]) -> list[str]:
    """Give what the marks are called."""
    return [str(event.fields["name"]) for event in events]


def serial(*lines: bytes, matches: Mapping[str, str] | None = None) -> list[str]:
    """Give the names of the marks of some text on the serial port."""
    return names(told(*((TTY, line) for line in lines), matches=matches))


def cut(data: bytes, at: Iterable[int]) -> Iterator[bytes]:
    """Cut bytes at these places."""
    for begin, end in pairwise([0, *sorted({n % (len(data) + 1) for n in at} - {0}), len(data)]):
        yield data[begin:end]


@pytest.mark.parametrize("name", RECORDED)
def test_a_recording_has_its_marks(name: str) -> None:
    """Stock firmware, kernels and systemd, in the order of the boot."""
    assert RECORDED[name] == names(told(*recorded(name).items()))


@pytest.mark.parametrize("name", RECORDED)
def test_a_recording_read_byte_by_byte_has_the_same_marks(name: str) -> None:
    """And in pieces of any length."""
    source = random.Random(7)  # noqa: S311  # no secret
    for longest in (1, 5, 100, 5000):
        pieces = [
            (stream, piece)
            for stream, data in recorded(name).items()
            for piece in cut(
                data, (source.randrange(len(data)) for _ in range(len(data) // longest))
            )
        ]

        assert RECORDED[name] == names(told(*pieces))


TEXT = b"".join(
    (
        b"\x1b[2J\x1b[01;01HBdsDxe: starting Boot0001 x\r\nEFI stub: y\r\n",
        b"[    0.000000][    T0] Linux version 6.1\n\xff\xfe\n[    1.0] Run /init as init process\n",
        b"\x1b]0;title\x07[\x1b[0;32m  OK  \x1b[0m] Reached target \x1b[0;1;39mbasic.target\x1b[0m\r\n",
        "prêt à démarrer\n".encode(),
        b"Last login: today\n\x1bM\x1b[Kd\x1b[1mebi\x1b[man login: ",
    )
)
MARKS = [
    *("fw_do_boot", "efi_stub", "linux_start_kernel", "linux_start_user"),
    *("target:basic", "own", "login_prompt"),
]


@settings(deadline=None)
@given(st.lists(st.integers(0, len(TEXT)), max_size=40))
def test_where_the_bytes_are_cut_does_not_matter(at: list[int]) -> None:
    """In the middle of an escape sequence, of a letter, of a line end."""
    pieces = [(TTY, piece) for piece in cut(TEXT, at) if piece]

    assert MARKS == names(told(*pieces, matches={"own": "prêt à"}))


@settings(deadline=None)
@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=20))
def test_any_bytes_are_taken(data: bytes, at: list[int]) -> None:
    """A guest may write anything; what follows on its own line is found all the same."""
    pieces = [piece for piece in cut(data + b"\nlogin-host login: ", at) if piece]

    assert "login_prompt" == serial(*pieces)[-1]


def test_a_mark_is_stamped_when_its_line_was_known() -> None:
    """Not before the last byte that tells, not after; the error goes back to the first byte."""
    begin = Read(0, TTY, 50_000, 60_000, b"\nLinux ver")
    end = Read(0, TTY, 60_000, 75_000, b"sion 6.1.0\n")
    guest = Guest(PATTERNS, 0)

    (event,) = [*guest.feed(begin), *guest.feed(end)]

    fields = {"event": "console: Linux version", "bound": "le", "error_ns": 25_000}
    assert {"name": "linux_start_kernel", **fields} == dict(event.fields)
    assert (75_000, "console", EventKind.PASSED, 0) == (
        event.time_ns,
        event.source,
        event.kind,
        event.vm,
    )


def test_a_long_silence_is_no_error() -> None:
    """A byte that comes while we wait is read within the delay that was measured."""
    late = Read(0, TTY, 0, 5_000_000_000, b"Linux version 6")

    (event,) = Guest(PATTERNS, 0).feed(late)

    assert READING_NS == event.fields["error_ns"]


def test_a_prompt_is_seen_though_its_line_has_no_end() -> None:
    """And once, whatever is typed after it."""
    assert ["login_prompt"] == serial(b"\r\ndebian login: ", b"root\r\n")


@pytest.mark.parametrize(
    "line",
    [
        b"Last login: Mon Nov 23\n",
        b"foo Linux version 6\n",
        b"systemd[567]: Startup finished in 53ms.\n",
        b"Reached target basic-ssh.target\n",
        b"Booting from 0000:7c00\n",
        b"Booting from c000:0054\n",
    ],
)
def test_what_only_looks_alike_is_no_mark(line: bytes) -> None:
    """Text of users, of other processes, of the same device again."""
    assert [] == serial(*(line[i : i + 1] for i in range(len(line))))


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (b"Linux version 6.1\n", "linux_start_kernel"),
        (b"[    0.000000] Linux version 5.15.0-1-generic\n", "linux_start_kernel"),
        (b"Run /sbin/init as init process", "linux_start_user"),
        (b"[  OK  ] Reached target Multi-User System.\n", "target:multi-user"),
        (b"[  OK  ] Reached target Network is Online.\n", "target:network-online"),
        (b"SeaBIOS (version rel-1.16)\n", "fw_start"),
    ],
)
def test_other_versions_say_it_otherwise(line: bytes, name: str) -> None:
    """Without the kernel's stamps; systemd before it named its units."""
    assert [name] == serial(line)


def test_a_debug_build_of_ovmf_speaks_on_its_port() -> None:
    """Its first line, and each option that it tries; its screen says them again."""
    debug = b"SecCoreStartupWithStack(0xFFFCC000, 0x820000)\n[Bds]Booting EFI Internal Shell\n"

    assert ["fw_start", "fw_do_boot"] == names(
        told((FW, debug), (TTY, b"BdsDxe: starting Boot0001\n"))
    )


def test_a_kernel_begins_on_a_cleared_screen() -> None:
    """SeaBIOS sets the video mode before the end of the line that the kernel's setup code has written."""
    probing = b"Probing EDD (edd=off to disable)... o"
    mode = b"\x1bc\x1b[?7l\x1b[2J"
    kernel = b"[    0.000000] Linux version 6.1.0-56-cloud-amd64\r\n"

    assert ["linux_start_kernel"] == serial(probing + mode + kernel)
    assert [] == serial(probing + kernel)


def test_what_systemd_says_twice_is_one_mark() -> None:
    """In the kernel's log and on the console; after a reset the next boot has its own."""
    both = b"[    5.0] systemd[1]: Reached target basic.target - x.\n[  OK  ] Reached target basic.target\n"
    kernel = b"[    0.000000] Linux version 6\n"

    assert ["linux_start_kernel", "target:basic"] * 2 == serial(kernel, both, kernel, both)


def test_lines_of_the_users_own() -> None:
    """On either stream, the first of each; a name and what was looked for."""
    events = told(
        (FW, b"a ready\n"), (TTY, b"ready\nup 42\nup 43\n"), matches={"r": "ready", "u": r"up \d"}
    )

    assert [("r", "port 0x402: /ready/"), ("u", r"console: /up \d/")] == [
        (event.fields["name"], event.fields["event"]) for event in events
    ]


def test_a_line_without_end_is_cut() -> None:
    """A pattern is found within 4096 bytes, and what comes after begins anew."""
    noise = b"x" * 4096

    assert ["login_prompt"] == serial(noise + b"host login: ")
    assert [] == serial(noise[6:] + b"host login: ")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"a\x1b[1;31mb\x1b[0mc", "abc"),
        (b"a\x1b[", "a"),
        (b"a\x1b[12", "a"),
        (b"a\x1b", "a"),
        (b"b\x1bc\x1b[?7l\x1b(Ba", "b\na"),
        (b"b\x1b[2Ja\x1b[J\x1b[K\x1b[1J", "b\na"),
        (b"b\x1b[2", "b"),
        (b"\x1b]0;t\x1b\\a\x1b]0;t", "a"),
        (b"a\x1b[2;1Hb\x1bMc", "a\nb\nc"),
        (b"a\x00\x07\tb\x7f", "a\tb"),
        (b"\xc3\xa9\xff", "é\ufffd"),
    ],
)
def test_escape_sequences_are_taken_out(line: bytes, text: str) -> None:
    """Colours, titles, what has no picture; another line of the screen, or a new screen, is another line."""
    assert text == plain(line)


def test_each_pattern_names_a_place_that_there_is() -> None:
    """So that --until and --phase know them; all of them bound."""
    assert {pattern.name for pattern in PATTERNS} <= {*RANK, *(p.name for p in CONSOLE_POINTS)}
    assert {point.name for point in CONSOLE_POINTS} <= {pattern.name for pattern in PATTERNS}
    assert {Bound.LE} == {pattern.bound for pattern in PATTERNS}


def test_what_each_match_holds_is_in_its_expression() -> None:
    """A row that says otherwise would never be found."""
    texts = {pattern.holds: pattern.regex.pattern.replace("\\", "") for pattern in PATTERNS}

    assert [] == [holds for holds, text in texts.items() if not holds or holds not in text]


def test_no_pattern_can_be_taken_back() -> None:
    """No end of a line and no look ahead beyond the line's first word (see the module)."""
    texts = [pattern.regex.pattern.replace("(?!Last )", "") for pattern in PATTERNS]

    assert [] == [text for text in texts if "$" in text or "(?=" in text or "(?!" in text]


def test_the_raw_file_gives_the_marks() -> None:
    """A real one, with all its stamps."""
    found = list(console.read(Arm(DATA / "console-raw")))

    assert [
        ("fw_start", "port 0x402: BUILD", 0),
        ("fw_do_boot", "port 0x402: Booting from", 0),
    ] == [(event.fields["name"], event.fields["event"], event.vm) for event in found]


def test_a_new_pattern_applies_to_an_old_run() -> None:
    """The raw file has the bytes, so the user's own are found in it afterwards."""
    asked = Asked(matches={"pci": "PCI bus & bridge init"})

    found = console.read(Arm(DATA / "console-raw", asked=asked))

    assert ["fw_start", "pci", "fw_do_boot"] == names(found)


def raw(directory: Path, *lines: bytes) -> Arm:
    """Write a raw file."""
    (directory / "console.jsonl").write_bytes(b"".join(lines))
    return Arm(directory)


KERNEL = line_of(Read(2, TTY, 5, 6, b"Linux version 6\n"))


def test_boots_are_told_apart(tmp_path: Path) -> None:
    """A line that one boot did not end is not gone on with by the next."""
    begin = line_of(Read(0, TTY, 1, 2, b"host "))
    end = line_of(Read(1, TTY, 3, 4, b"login: "))

    found = list(console.read(raw(tmp_path, begin, end, KERNEL)))

    assert [(2, "linux_start_kernel", 6)] == [(e.vm, e.fields["name"], e.time_ns) for e in found]


def test_a_last_line_cut_short_is_left_out(tmp_path: Path) -> None:
    """A killed writer costs what it had not finished."""
    assert ["linux_start_kernel"] == names(console.read(raw(tmp_path, KERNEL, KERNEL[:-9])))


@pytest.mark.parametrize(
    "line",
    [
        b"junk\n",
        b"[]\n",
        b'[0,"serial",1,2,"!"]\n',
        b'[0,"other",1,2,"QQ=="]\n',
        b'[0,"serial",1,2,""]\n',
        b"\n",
    ],
)
def test_a_corrupt_line_is_refused(tmp_path: Path, line: bytes) -> None:
    """The error names the byte at which it begins; what is before it counts."""
    arm = raw(tmp_path, KERNEL, line)
    found: list[Event] = []

    with pytest.raises(CorruptFileError) as caught:
        found.extend(console.read(arm))

    assert (str(tmp_path / "console.jsonl"), len(KERNEL)) == (
        caught.value.file,
        caught.value.offset,
    )
    assert ["linux_start_kernel"] == names(found)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """Without it there are no marks."""
    with pytest.raises(InputError, match=r"console\.jsonl"):
        list(console.read(Arm(tmp_path)))
