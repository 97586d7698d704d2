"""The port protocol, written out once more."""

import re
from pathlib import Path

import pytest

from qemu_boot_time.protocol import (
    CUSTOM_VALUES,
    FIRMWARE_PORT,
    LINUX_PORT,
    RANK,
    TRACE_POINTS,
    Names,
)

_PATCHES = Path(__file__).parents[1] / "patches"


@pytest.mark.parametrize(
    ("port", "value", "name"),
    [
        (0xF5, 1, "fw_start"),
        (0xF4, 2, "linux_start_fwcfg"),
        (0xF4, 3, "linux_start_boot"),
        (0xF4, 4, "linux_start_pvhboot"),
        (0xF5, 5, "fw_do_boot"),
        (0xF4, 6, "linux_start_kernel"),
        (0xF4, 7, "linux_start_user"),
        (0xF4, 8, "Exit point 8"),
        (0xF5, 255, "Exit point 255"),
    ],
)
def test_writes_have_names(port: int, value: int, name: str) -> None:
    """Every value of the field's firmware and kernels, on its port."""
    assert name == Names().of(port, value)


@pytest.mark.parametrize(
    ("port", "value"), [(0xF4, 1), (0xF5, 3), (0xF5, 7), (0xF4, 0), (0x402, 42), (0xF4, 256)]
)
def test_other_writes_mean_nothing(port: int, value: int) -> None:
    """A value on the wrong port, zero, other ports and more than a byte are no trace points."""
    assert Names().of(port, value) is None


def test_the_user_names_values_on_either_port() -> None:
    """A name of one's own replaces the number, and only there."""
    names = Names({42: "network_up"})

    found = [names.of(0xF4, 42), names.of(0xF5, 42), names.of(0xF4, 43)]
    assert ["network_up", "network_up", "Exit point 43"] == found
    assert (True, False) == (names.is_custom("network_up"), names.is_custom("Exit point 43"))


def test_trace_points_stand_in_the_order_of_a_boot() -> None:
    """The first guest entry comes first, and both firmwares end before their loaders."""
    assert ["qemu_init_end", "fw_start"] == [point.name for point in TRACE_POINTS[:2]]
    assert RANK["fw_do_boot"] < RANK["linux_start_boot"] < RANK["linux_start_kernel"]
    assert RANK["linux_start_fwcfg"] < RANK["linux_start_boot"]


def test_the_rest_of_a_byte_is_the_users() -> None:
    """Values 8 to 255."""
    assert (8, 255) == (CUSTOM_VALUES[0], CUSTOM_VALUES[-1])


def test_the_patches_speak_the_same_protocol() -> None:
    """Each port and value in the header of the patches is ours."""
    header = (_PATCHES / "benchmark.h").read_text()
    defined = {name: int(v, 0) for name, v in re.findall(r"#define (\w+) (0x\w+|\d+)", header)}

    points = {point.name.upper(): point.value for point in TRACE_POINTS if point.value is not None}
    assert {**points, "LINUX_EXIT_PORT": LINUX_PORT, "FW_EXIT_PORT": FIRMWARE_PORT} == defined
