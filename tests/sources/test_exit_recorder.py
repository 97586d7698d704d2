"""The rings of a profile: as large as the host allows."""

from typing import Any, cast

import pytest

from qemu_boot_time.errors import HostError
from qemu_boot_time.sources.exits import recorder

_FITS = 64


def refusing(allowed: int) -> Any:
    """Give a ring that may not be larger."""

    def ring(descriptor: int, *, pages: int) -> tuple[int, int]:
        if pages > allowed:
            raise PermissionError
        return descriptor, pages

    return ring


@pytest.mark.parametrize(("cpus", "pages"), [(2, 2048), (16, 2048), (100, 256), (5000, 16)])
def test_a_large_host_has_smaller_rings(cpus: int, pages: int) -> None:
    """128 MiB of all CPUs, powers of two, never less than what a user may lock anyway."""
    assert pages == recorder._fitting(recorder._PAGES_OF_ALL // cpus)  # pure


def test_a_user_without_rights_has_smaller_rings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half as large, until it is allowed; then the other CPUs' are as large."""
    monkeypatch.setattr(recorder, "Ring", refusing(_FITS))

    ring, pages = recorder._ring(3, 2048)  # no kernel allows so much and no more

    assert ((3, _FITS), _FITS) == (cast("Any", ring), pages)


def test_no_ring_at_all_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what would allow one."""
    monkeypatch.setattr(recorder, "Ring", refusing(1))

    with pytest.raises(HostError, match="no locked memory is left") as refused:
        recorder._ring(3, 2048)  # as above

    assert "perf_event_mlock_kb" in str(refused.value.hint)
