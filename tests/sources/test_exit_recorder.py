"""The rings of a profile: as large as the host allows."""

import contextlib
import errno
from pathlib import Path
from typing import cast

import pytest

from qemu_boot_time.errors import HostError
from qemu_boot_time.sources.exits import recorder

_MOST = 2048


class Kernel:
    """Lets a user lock so many pages in all, control pages included."""

    def __init__(self, budget: int) -> None:
        self.left = budget

    def ring(self, descriptor: int, *, pages: int) -> "LockedRing":
        """Map one, where it fits beside the others."""
        del descriptor
        if pages + 1 > self.left:
            raise PermissionError
        return LockedRing(self, pages)


class LockedRing:
    """Pages that are locked until it is closed."""

    def __init__(self, kernel: Kernel, pages: int) -> None:
        self.pages, self._kernel = pages, kernel
        kernel.left -= pages + 1

    def close(self) -> None:
        """Give them back."""
        self._kernel.left += self.pages + 1


def mapped(stack: contextlib.ExitStack, cpus: int) -> list[int]:
    """Map a ring a CPU; give how large they are."""
    rings = cast("list[LockedRing]", recorder._rings(stack, range(cpus)))  # no real budget is known
    return [ring.pages for ring in rings]


@pytest.mark.parametrize(("cpus", "pages"), [(2, 2048), (16, 2048), (100, 256), (5000, 16)])
def test_a_large_host_has_smaller_rings(cpus: int, pages: int) -> None:
    """128 MiB of all CPUs, powers of two, never less than what a user may lock anyway."""
    assert pages == recorder._fitting(recorder._PAGES_OF_ALL // cpus)  # pure


@pytest.mark.parametrize(
    ("budget", "cpus", "pages"),
    [
        (4 * (_MOST + 1), 4, _MOST),
        (4 * (_MOST + 1) - 1, 4, _MOST // 2),
        (_MOST + 1 + 3 * 17, 4, 512),  # the first would fit as large as it may be
        (4 * 17, 4, 16),
    ],
)
def test_a_user_without_rights_has_smaller_rings(
    monkeypatch: pytest.MonkeyPatch, budget: int, cpus: int, pages: int
) -> None:
    """Half as large, until those of all CPUs are allowed: a guest may run on any."""
    kernel = Kernel(budget)
    monkeypatch.setattr(recorder, "Ring", kernel.ring)

    with contextlib.ExitStack() as stack:
        found = mapped(stack, cpus)
        left = kernel.left

    assert ([pages] * cpus, budget - cpus * (pages + 1)) == (found, left)
    assert budget == kernel.left


def test_no_ring_at_all_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what would allow one; nothing stays locked."""
    kernel = Kernel(4 * 17 - 1)
    monkeypatch.setattr(recorder, "Ring", kernel.ring)

    with (
        contextlib.ExitStack() as stack,
        pytest.raises(HostError, match="no locked memory is left") as refused,
    ):
        mapped(stack, 4)

    assert "perf_event_mlock_kb" in str(refused.value.hint)
    assert 4 * 17 - 1 == kernel.left


def test_too_many_files_are_a_profiles_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is refused says how many it takes, and that there is a table without."""

    def refuse(_attr: bytes, *, pid: int, cpu: int) -> int:
        raise OSError(errno.EMFILE, f"{pid} {cpu}")

    monkeypatch.setattr(recorder, "readable_tracefs", lambda: tmp_path)
    monkeypatch.setattr(recorder, "find_exits", lambda _: ())
    monkeypatch.setattr(recorder, "attrs", lambda *_, **__: (b"dummy",))
    monkeypatch.setattr(recorder, "make_room", lambda more: 1000 + more)
    monkeypatch.setattr(recorder, "online_cpus", lambda: frozenset({0, 1}))
    monkeypatch.setattr(recorder, "open_event", refuse)

    with pytest.raises(HostError, match="perf_event takes 1012") as refused:
        recorder.ExitRecorder(tmp_path / "x.exits.data")

    assert "ulimit -Hn 2024; or leave out --profile" == refused.value.hint
