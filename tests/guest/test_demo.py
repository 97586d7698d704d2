"""Which guest the demo takes, of what there is."""

from pathlib import Path

import pytest

from qemu_boot_time.errors import HostError
from qemu_boot_time.guest import builds, demo, initramfs, stock, tiny
from qemu_boot_time.guest.build_cache import BuiltFrom

STOCK = stock.StockKernel("6.1.0-56-cloud-amd64", "6.1.192-2", Path("/k/vmlinuz"))
ALL_MARKS = (
    "fw_start",
    "fw_do_boot",
    "linux_start_boot",
    "linux_start_kernel",
    "linux_start_user",
)


def option(guest: demo.DemoGuest, name: str) -> str:
    """Give what follows an option of the guest's command."""
    return guest.qemu_args[guest.qemu_args.index(name) + 1]


def test_without_any_kernel_it_is_the_tiny_guest(tmp_path: Path) -> None:
    """It writes every mark, powers off by itself, and says what would show more."""
    guest = demo.compose(demo.Pieces(), tmp_path)

    bios = Path(option(guest, "-bios"))
    between = tiny.marks(*ALL_MARKS[1:], spin=100_000)
    steps = (*tiny.marks("fw_start"), *between, tiny.PowerOff())
    assert (guest.name, guest.marks, guest.until) == ("tiny", ALL_MARKS, "linux_start_user")
    assert bios.read_bytes() == tiny.image(*steps)
    assert guest.files == (bios,)
    assert guest.more == "qbt build linux"


def test_a_stock_kernel_is_told_to_let_init_write_the_mark(tmp_path: Path) -> None:
    """Nobody else writes one, so it is the only one expected."""
    guest = demo.compose(demo.Pieces(distribution=STOCK), tmp_path)

    assert (guest.name, guest.marks) == ("stock", ("linux_start_user",))
    assert option(guest, "-kernel") == "/k/vmlinuz"
    assert option(guest, "-append") == "console=ttyS0 quiet panic=-1 no_timer_check qbt_mark=7"
    assert Path(option(guest, "-initrd")).read_bytes() == initramfs.build()
    assert guest.more == "qbt build linux && qbt build seabios && qbt build optionrom"


def test_an_instrumented_kernel_comes_before_a_stock_one(tmp_path: Path) -> None:
    """It writes marks 6 and 7 itself, so init is told nothing: no mark comes twice."""
    guest = demo.compose(demo.Pieces(linux=Path("/b/bzImage"), distribution=STOCK), tmp_path)

    assert guest.name == "instrumented"
    assert guest.marks == ("linux_start_kernel", "linux_start_user")
    assert option(guest, "-kernel") == "/b/bzImage"
    assert option(guest, "-append") == "console=ttyS0 quiet panic=-1 no_timer_check"


def test_instrumented_firmware_joins_whatever_kernel_there_is(tmp_path: Path) -> None:
    """With every piece built every mark is seen, in the order of a boot, and nothing is missing."""
    pieces = demo.Pieces(
        linux=Path("/b/bzImage"), seabios=Path("/b/bios.bin"), optionroms=Path("/b/roms")
    )

    guest = demo.compose(pieces, tmp_path)

    assert guest.marks == ALL_MARKS
    assert (option(guest, "-bios"), option(guest, "-L")) == ("/b/bios.bin", "/b/roms")
    assert guest.more == ""
    assert set(guest.files) == {
        *(Path("/b/bzImage"), Path("/b/bios.bin"), Path("/b/roms")),
        Path(option(guest, "-initrd")),
    }


@pytest.mark.parametrize("pieces", [demo.Pieces(), demo.Pieces(distribution=STOCK)])
def test_the_accelerator_is_the_callers(pieces: demo.Pieces, tmp_path: Path) -> None:
    """A plain QEMU command, to which `-accel kvm` or `-accel tcg` can be appended."""
    guest = demo.compose(pieces, tmp_path)

    assert guest.qemu_args[0] == "qemu-system-x86_64"
    assert not {"-accel", "-enable-kvm"} & set(guest.qemu_args)
    assert "accel" not in option(guest, "-M")


def test_what_was_built_is_taken(fetches: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece from where `qbt build` put it; then nothing is fetched, nothing is missing."""
    made = BuiltFrom("", 1, "", "", "bookworm", "", "", "", "")
    pieces = {
        piece: builds.Built(piece, {name: Path(f"/b/{piece}/{name}")}, Path(f"/b/{piece}"), made)
        for piece, name in (
            (builds.Piece.LINUX, "bzImage"),
            (builds.Piece.SEABIOS, "bios-256k.bin"),
            (builds.Piece.OPTIONROM, "linuxboot_dma.bin"),
        )
    }
    monkeypatch.setattr(builds, "cached", pieces.get)

    guest = demo.choose()

    assert [option(guest, name) for name in ("-kernel", "-bios", "-L")] == [
        *("/b/linux/bzImage", "/b/seabios/bios-256k.bin", "/b/optionrom")
    ]
    assert (guest.marks, guest.more, fetches) == (ALL_MARKS, "", [])


@pytest.fixture
def fetches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the list of fetches tried; each fails as without a network. The cache is empty."""
    tried: list[str] = []

    def fetch(_progress: object) -> stock.StockKernel:
        tried.append("stock")
        raise HostError("no network")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(stock, "fetch", fetch)
    return tried


def test_without_a_network_the_demo_still_has_a_guest(fetches: list[str]) -> None:
    """A failed download is told and is no failure."""
    said: list[str] = []

    guest = demo.choose(progress=said.append)

    assert (guest.name, fetches) == ("tiny", ["stock"])
    assert said == ["no stock kernel (no network): the tiny guest instead"]


def test_the_network_can_be_forbidden(fetches: list[str]) -> None:
    """Then nothing is even tried."""
    guest = demo.choose(network=demo.Network.NEVER)

    assert (guest.name, fetches) == ("tiny", [])


def test_a_kernel_in_the_cache_needs_no_network(fetches: list[str], tmp_path: Path) -> None:
    """What was fetched once is used again."""
    vmlinuz = tmp_path / "qemu-boot-time/stock/6.1.0_6.1-1/vmlinuz"
    vmlinuz.parent.mkdir(parents=True)
    vmlinuz.touch()

    guest = demo.choose()

    assert (guest.name, option(guest, "-kernel"), fetches) == ("stock", str(vmlinuz), [])


def test_a_cache_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one thing that a demo cannot do without, with the remedy."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    with pytest.raises(HostError, match="Not a directory") as caught:
        demo.choose()

    assert "XDG_CACHE_HOME" in caught.value.hint
