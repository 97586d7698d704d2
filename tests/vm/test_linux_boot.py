"""How a QEMU command boots Linux."""

import pytest

from qemu_boot_time.vm.command import parse
from qemu_boot_time.vm.linux_boot import LinuxBoot, linux_boot

QEMU = "qemu-system-x86_64"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("-kernel", "k", "-initrd", "i", "-append", "quiet"), LinuxBoot("i", "quiet")),
        (("-kernel", "k"), LinuxBoot("", "")),
        (("-kernel", "k", "-append", "a", "-append", "b"), LinuxBoot("", "b")),
        (("--kernel", "k", "--initrd", "i"), LinuxBoot("i", "")),
        (("-initrd", "i", "disk.img"), None),
        ((), None),
    ],
)
def test_what_qemu_hands_to_linux(words: tuple[str, ...], expected: LinuxBoot | None) -> None:
    """Without -kernel the firmware boots something; of two options the last counts."""
    assert expected == linux_boot(parse((QEMU, *words)))


def test_behind_a_script_nobody_can_tell() -> None:
    """Its words need not be QEMU's."""
    assert linux_boot(parse(("./vm.sh", "-kernel", "k"))) is None


@pytest.mark.parametrize(
    ("append", "expected"),
    [
        ("", "more"),
        ("quiet  panic=-1", "quiet panic=-1 more"),
        ("quiet -- single x=--", "quiet more -- single x=--"),
        ('dyndbg="file a.c +p; -- x" quiet', 'dyndbg="file a.c +p; -- x" quiet more'),
    ],
)
def test_more_parameters_come_last(append: str, expected: str) -> None:
    """But before what is for init alone; quoted words stay whole."""
    assert expected == LinuxBoot("", append).with_words(["more"])


@pytest.mark.parametrize(
    ("append", "expected"),
    [
        ("rdinit=/a rdinit=/b", "/b"),
        ("xrdinit=/a", ""),
        ("quiet -- rdinit=/a", ""),
        ("rdinit=", ""),
    ],
)
def test_the_last_value_counts(append: str, expected: str) -> None:
    """As it does for the kernel."""
    assert expected == LinuxBoot("", append).value("rdinit")
