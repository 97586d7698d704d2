"""systemd's properties become stages and units, by systemd-analyze's definitions."""

import pytest

from qemu_boot_time.phases.units import Manager, Times, manager_of, stages, units

US = 1000


def unit(name: str, *times_us: int) -> dict[str, str]:
    """Make the properties of a unit: left inactive, became active, became inactive again."""
    names = ("InactiveExit", "ActiveEnter", "InactiveEnter")
    stamps = zip(names, times_us, strict=True)
    return {"Id": name, **{f"{key}TimestampMonotonic": str(time_us) for key, time_us in stamps}}


@pytest.mark.parametrize(
    ("times_us", "ends_us"),
    [
        ((100, 250, 0), (100, 250)),
        ((100, 0, 130), (100, 130)),
        ((100, 90, 130), (100, 130)),
        ((100, 100, 0), (100, 100)),
        ((100, 0, 0), (100, 100)),
        ((100, 90, 95), (100, 100)),
    ],
)
def test_an_activation_ends_as_blame_has_it(
    times_us: tuple[int, int, int], ends_us: tuple[int, int]
) -> None:
    """When it was active; of a oneshot when it was done; of what still starts, at once."""
    begin_us, end_us = ends_us

    assert [Times("a.service", begin_us * US, end_us * US)] == list(
        units([unit("a.service", *times_us)])
    )


def test_what_never_began_is_left_out() -> None:
    """So is our own unit, and what has no name."""
    blocks = [unit("a.service", 0, 0, 0), unit("qbt-inside.service", 5, 5, 0), {"x": "y"}]

    assert [] == list(units(blocks))


def test_the_stages_of_a_boot() -> None:
    """An init in the initrd that is no systemd counts as kernel."""
    assert [Times("kernel", 0, 9), Times("userspace", 9, 38)] == list(stages(Manager(0, 9, 38)))


def test_the_stages_of_a_boot_with_systemd_in_its_initrd() -> None:
    """They are three."""
    assert [Times("kernel", 0, 4), Times("initrd", 4, 9), Times("userspace", 9, 38)] == list(
        stages(Manager(4, 9, 38))
    )


def test_a_boot_that_is_not_finished() -> None:
    """What has not ended is no stage; where there is no systemd, there are none."""
    assert [Times("kernel", 0, 9)] == list(stages(Manager(0, 9, 0)))
    assert [] == list(stages(Manager(0, 0, 0)))


def test_the_manager_is_read_from_its_properties() -> None:
    """Times are in ns."""
    properties = {
        "InitRDTimestampMonotonic": "0",
        "UserspaceTimestampMonotonic": "9000872",
        "FinishTimestampMonotonic": "38463715",
    }

    assert Manager(0, 9_000_872_000, 38_463_715_000) == manager_of(properties)
