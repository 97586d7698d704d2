"""The kernel's files, and who opens them."""

import select
from pathlib import Path

from qemu_boot_time.vm.command import parse
from qemu_boot_time.vm.opens import watched_opens


def test_each_open_and_close_counts_once(tmp_path: Path) -> None:
    """Reading is not looked at, and other files are not."""
    kernel, initrd, other = (tmp_path / name for name in ("kernel", "initrd", "disk"))
    for file in (kernel, initrd, other):
        file.write_bytes(b"x")
    command = parse(
        ("qemu-system-x86_64", "-kernel", str(kernel), "-initrd", str(initrd), "-hda", str(other))
    )

    with watched_opens(command) as opens:
        assert opens is not None
        assert ([], 0) == (select.select([opens], [], [], 0)[0], opens.take())
        kernel.read_bytes()
        with initrd.open("rb"):
            other.read_bytes()
            assert [opens] == select.select([opens], [], [], 0)[0]
            assert (3, 0) == (opens.take(), opens.take())


def test_where_there_is_no_kernel_there_is_nothing_to_watch(tmp_path: Path) -> None:
    """No -kernel, or none that is there: QEMU itself will complain."""
    missing = str(tmp_path / "missing")

    for words in (("-m", "1G"), ("-kernel", missing)):
        with watched_opens(parse(("qemu-system-x86_64", *words))) as opens:
            assert opens is None
