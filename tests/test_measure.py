"""What the orchestrator makes of a boot's end; boots themselves are in tests/real."""

from pathlib import Path

import pytest

from qemu_boot_time.measure.watch import last_words

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
        ("qemu-system-x86_64: terminating on signal 15 from pid 7 (qbt)\n", ""),
        (_DUMP, "KVM internal error. Suberror: 1"),
        ("qemu: \x1b[31mred\x07\n", "qemu:  [31mred"),
    ],
)
def test_the_last_words_say_why(tmp_path: Path, stderr: str, words: str) -> None:
    """Warnings and dumps are no reasons; what a terminal would obey is taken out."""
    file = tmp_path / "stderr"
    file.write_text(stderr)

    assert words == last_words(file)


def test_no_file_has_no_last_words(tmp_path: Path) -> None:
    """A boot that never began wrote none."""
    assert last_words(tmp_path / "none") == ""
