"""Archives of the distribution: derived from the host's own lists, which are only read."""

from pathlib import Path

import pytest

from qemu_boot_time import process
from qemu_boot_time.errors import HostError, ProgramError
from qemu_boot_time.guest import apt_sources, distro
from qemu_boot_time.guest.apt_sources import Archive, Host

DEBIAN = Host("debian", "bookworm")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
ONE_LINE = """\
# deb http://mirror.example/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.example/debian bookworm main contrib # ours
deb-src http://mirror.example/debian bookworm main
deb http://mirror.example/debian-security/ bookworm-security main
deb https://vendor.example/linux/debian bookworm stable
deb [signed-by=/etc/apt/keyrings/vendor.gpg] https://vendor.example/debian/12/prod bookworm main
deb https://vendor.example/apt bookworm main
"""
DEB822 = """\
Types: deb deb-src
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian
Suites: trixie
Components: main
Enabled: no

Types: deb-src
URIs: http://sources.example/debian
Suites: bookworm
Components: main

Types: deb
URIs: https://vendor.example/debian
Suites: bookworm
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mDMEY865UxYJKwYBBAHaRw8BAQdA
 -----END PGP PUBLIC KEY BLOCK-----
"""


def apt(directory: Path, *, one_line: str = "", deb822: str = "") -> Path:
    """Lay out /etc/apt."""
    (directory / "sources.list.d").mkdir(parents=True)
    (directory / "sources.list").write_text(one_line)
    (directory / "sources.list.d/debian.sources").write_text(deb822)
    return directory


def test_one_line_style() -> None:
    """Comments and deb-src lines are no archives; options are read."""
    first, *others = apt_sources.one_line(ONE_LINE)

    expected = Archive(
        ("http://mirror.example/debian",), ("bookworm",), ("main", "contrib"), KEYRING
    )

    assert expected == first
    assert len(others) == 4


def test_deb822_style() -> None:
    """Stanzas that are disabled or have only sources are left out; a key may take many lines."""
    own, vendor = apt_sources.deb822(DEB822)

    assert own.suites == ("bookworm", "bookworm-updates", "bookworm-backports")
    assert vendor.signed_by.startswith("-----BEGIN PGP")
    assert "\n ." in vendor.signed_by


@pytest.mark.parametrize("lists", [{"one_line": ONE_LINE}, {"deb822": DEB822}])
def test_third_parties_are_left_out(tmp_path: Path, lists: dict[str, str]) -> None:
    """Neither another component, nor another key, nor another path is the distribution's."""
    archives = apt_sources.for_suite("bookworm", DEBIAN, apt(tmp_path / "apt", **lists))

    assert {"mirror.example"} == {uri.split("/")[2] for a in archives for uri in a.uris}


@pytest.mark.parametrize(
    ("suite", "suites"),
    [
        ("bookworm", {"bookworm", "bookworm-security"}),
        ("trixie", {"trixie", "trixie-security"}),
        ("sid", {"sid"}),
        ("bookworm-security", {"bookworm-security"}),
    ],
)
def test_another_suite(tmp_path: Path, suite: str, suites: set[str]) -> None:
    """The pockets move along with the suite; a rolling suite has none."""
    archives = apt_sources.for_suite(suite, DEBIAN, apt(tmp_path / "apt", one_line=ONE_LINE))

    assert suites == {one for archive in archives for one in archive.suites}


def test_backports_come_from_the_main_archive(tmp_path: Path) -> None:
    """bookworm-backports is asked of the archive that has bookworm, not of the security one."""
    lists = apt(tmp_path / "apt", one_line=ONE_LINE)

    (archive,) = apt_sources.for_suite("bookworm-backports", DEBIAN, lists)

    assert archive.uris == ("http://mirror.example/debian",)
    assert archive.suites == ("bookworm-backports",)


def test_stanza_asks_for_sources_and_keeps_the_key(tmp_path: Path) -> None:
    """What is written for the private apt has deb-src, the keyring, and no trusted=yes."""
    lists = apt(tmp_path / "apt", deb822=DEB822)

    (archive,) = apt_sources.for_suite("trixie", DEBIAN, lists)
    stanza = archive.stanza()

    assert "Types: deb deb-src\n" in stanza
    assert "Suites: trixie trixie-updates\n" in stanza
    assert f"Signed-By: {KEYRING}\n" in stanza
    assert "rusted" not in stanza


def test_ubuntu(tmp_path: Path) -> None:
    """The same for the other distribution: its keyring is named after it, too."""
    text = (
        "Types: deb\nURIs: http://mirror.example/ubuntu/\nSuites: noble noble-updates\n"
        "Components: main universe\nSigned-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg\n"
    )
    lists = apt(tmp_path / "apt", deb822=text)

    (archive,) = apt_sources.for_suite("noble", Host("ubuntu", "noble"), lists)

    assert archive.components == ("main", "universe")


def test_host_without_archives_of_its_own(tmp_path: Path) -> None:
    """Nothing is guessed: the error says how to go on without."""
    with pytest.raises(HostError, match="no sources of debian") as error:
        apt_sources.for_suite("bookworm", DEBIAN, apt(tmp_path / "apt"))

    assert "--source" in error.value.hint


def test_os_release(tmp_path: Path) -> None:
    """The codename is read with and without quotes; where there is none the error says so."""
    release = tmp_path / "os-release"
    release.write_text('NAME="Debian"\nID=debian\nVERSION_CODENAME="trixie"\n')

    assert Host("debian", "trixie") == Host.read(release)
    with pytest.raises(HostError, match="names no release"):
        Host.read(tmp_path / "absent")


@pytest.fixture
def _private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a cache of the test's own, and a host that is Debian bookworm."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    lists = apt(tmp_path / "apt", one_line=ONE_LINE)
    monkeypatch.setattr(Host, "read", classmethod(lambda _cls: DEBIAN))
    real = apt_sources.for_suite
    monkeypatch.setattr(apt_sources, "for_suite", lambda suite, host: real(suite, host, lists))
    monkeypatch.setattr(process, "require", lambda program, hint: f"{program}{hint}"[:3])


class FakeApt:
    """Stands in for ``process.run``: answers by the words of the command line."""

    def __init__(self, answers: dict[str, str | Exception]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __call__(self, argv: tuple[str, ...], **_: object) -> object:
        """Give the first answer whose key is part of the command line."""
        line = " ".join(argv)
        self.asked.append(line)
        if argv[0] == "dpkg":
            if argv[2] > argv[4]:
                return None
            raise ProgramError("less", returncode=1)
        answer = next((answer for words, answer in self.answers.items() if words in line), "")
        if isinstance(answer, Exception):
            raise answer
        return process.Finished(argv, 0, answer, "")


GONE = ProgramError("failed", returncode=100, output="E: Failed to fetch x  404  Not Found")
VERSIONS = "Package: seabios\nVersion: 1.16-1\n\nPackage: seabios\nVersion: 1.17-1\n"


@pytest.mark.usefixtures("_private")
def test_mirror_that_lags_gives_the_version_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that is listed but not there is passed over for the next older one."""
    fake = FakeApt({"showsrc": VERSIONS, "seabios=1.17-1": GONE})
    monkeypatch.setattr(process, "run", fake)

    package = distro.fetch_source("seabios")

    assert (package.version, package.path.name) == ("1.16-1", "seabios_1.16-1.dsc")


@pytest.mark.usefixtures("_private")
def test_other_failures_are_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hash that does not match is the end, not a reason to take an older version."""
    bad = ProgramError("failed", returncode=100, output="E: Hash Sum mismatch")
    fake = FakeApt({"showsrc": VERSIONS, "seabios=1.17-1": bad})
    monkeypatch.setattr(process, "run", fake)

    with pytest.raises(ProgramError, match="failed"):
        distro.fetch_source("seabios")

    assert not any("seabios=1.16-1" in line for line in fake.asked)


@pytest.mark.usefixtures("_private")
@pytest.mark.parametrize(
    ("output", "what"),
    [
        ("W: GPG error: InRelease: NO_PUBKEY 6ED0E7B82643E131", "lacks the keys"),
        ("E: Temporary failure resolving 'mirror.example'", "Temporary failure resolving"),
    ],
)
def test_lists_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch, output: str, what: str) -> None:
    """Missing keys and a missing network are told apart, each with its hint."""
    failed = ProgramError("apt-get: exit status 100", returncode=100, output=output)
    monkeypatch.setattr(process, "run", FakeApt({"update": failed}))

    with pytest.raises(HostError, match=what) as error:
        distro.fetch_source("seabios", suite="trixie")

    assert error.value.hint


@pytest.mark.usefixtures("_private")
def test_fresh_lists_are_not_fetched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists serve for a day; another archive in the host's lists ends that."""
    fake = FakeApt({"showsrc": VERSIONS})
    monkeypatch.setattr(process, "run", fake)

    distro.fetch_source("seabios")
    distro.fetch_source("seabios")

    assert sum("update" in line for line in fake.asked) == 1


@pytest.mark.usefixtures("_private")
def test_old_lists_serve_where_there_is_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stale lists that cannot be fetched again are used, and that is said."""
    monkeypatch.setattr(process, "run", FakeApt({"showsrc": VERSIONS}))
    distro.fetch_source("seabios")
    monkeypatch.setattr(distro, "STALE_S", -1)
    offline = ProgramError("apt-get: exit status 100", returncode=100, output="E: offline")
    monkeypatch.setattr(process, "run", FakeApt({"showsrc": VERSIONS, "update": offline}))
    said: list[str] = []

    package = distro.fetch_source("seabios", progress=said.append)

    assert package.version == "1.17-1"
    assert "no fresh package lists of bookworm; going on with the old ones" in said


@pytest.mark.usefixtures("_private")
def test_apt_gets_a_world_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call names our configuration, which puts lists, state and cache below the cache."""
    fake = FakeApt({"showsrc": VERSIONS})
    monkeypatch.setattr(process, "run", fake)

    distro.fetch_source("seabios")
    home = tmp_path / "cache/qemu-boot-time/apt/bookworm"
    configuration = (home / "apt.conf").read_text()

    assert all(f" -c {home}/apt.conf " in line for line in fake.asked if line.startswith("apt"))
    for item in ("Dir::State", "Dir::State::status", "Dir::Cache", "Dir::Etc::sourceparts"):
        assert f'{item} "{home}/' in configuration
    assert "#clear APT::Update::Post-Invoke-Success;" in configuration
