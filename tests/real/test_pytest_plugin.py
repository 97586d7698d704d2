"""The fixture for pytest on a real guest: a test that holds, and tests that fail readably."""

import shlex
from pathlib import Path

import pytest

from qbt_process import World, tiny_qemu
from qemu_boot_time.guest import tiny

pytestmark = pytest.mark.real

_TESTS = '''
"""Boot times."""
GOOD = {good!r}
STUCK = {stuck!r}

def test_holds(qbt_boot):
    run = qbt_boot(GOOD, n=3, until="linux_start_user", source="debugcon")
    run.require("kernel < 60s", "boots.n == 3")
    assert set(run.medians) >= {{"kernel", "total", "linux_start_user"}}
    assert run.path.is_dir()

def test_is_over_budget(qbt_boot):
    run = qbt_boot(GOOD, n=2, source="debugcon")
    run.fail_if("kernel > 1ns")

def test_does_not_get_there(qbt_boot):
    qbt_boot(STUCK, n=1, until="linux_start_user", timeout=5, source="debugcon")
'''


def test_a_session(world: World, pytester: pytest.Pytester, tmp_path: Path) -> None:
    """Each failure shows the line of the test, what is wrong, and the table; runs are kept."""
    good = world.bios(*tiny.marks(*tiny.PROTOCOL, spin=1000), tiny.DebugExit())
    stuck = world.bios(*tiny.marks("fw_start"), name="stuck.bin")
    commands = {"good": shlex.join(tiny_qemu(good)), "stuck": shlex.join(tiny_qemu(stuck))}
    pytester.makepyfile(_TESTS.format(**commands))

    done = pytester.runpytest_subprocess("--qbt-keep", str(tmp_path / "kept"))

    done.assert_outcomes(passed=1, failed=2)
    done.stdout.fnmatch_lines(
        [
            '>       run.fail_if("kernel > 1ns")',
            "E       AssertionError: budget broken: kernel > 1ns: it is * ms",
            "E       kernel  *",
            "E       look again: qbt show *",
            ">       qbt_boot(STUCK, n=1, *",
            "E       AssertionError: not every boot got there",
            "E       failed: boot 1: timeout after fw_start",
        ]
    )
    done.stdout.no_fnmatch_line("*pytest_plugin.py*")
    assert 3 == len(list((tmp_path / "kept").glob("*/run.json")))
