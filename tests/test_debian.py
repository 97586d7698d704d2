"""Debian systems for tests: packages from where, and that nothing is mounted for it."""

from pathlib import Path

import debian


def test_mirrors_are_those_of_the_host() -> None:
    """The host's own archive and security archive serve the box's suite, each named once."""
    printed = (
        "Debian http://mirror.example/debian\n"
        "Debian http://mirror.example/debian\n"
        "Debian-Security http://mirror.example/security\n"
        "Somebody http://elsewhere.example/\n"
    )

    assert debian.mirror_lines(printed) == (
        "deb http://mirror.example/debian bookworm main",
        "deb http://mirror.example/security bookworm-security main",
    )


def test_no_mirror_is_named_where_the_host_is_no_debian() -> None:
    """Without a Debian archive of its own, the host leaves the choice to mmdebstrap."""
    argv = debian.bootstrap_argv(Path("/scratch/root"), (), (), debian.mirror_lines(""))

    assert argv[-2:] == ("bookworm", "/scratch/root")


def test_bootstrap_mounts_nothing() -> None:
    """A tree that is removed after a failure must not have the host's /dev mounted in it."""
    assert "--skip=chroot/mount" in debian.bootstrap_argv(Path("/scratch/root"), (), (), ())
