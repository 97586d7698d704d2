"""The site: builds with no warning, hangs together, says what the program says, asks no network."""

import html
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from qbt_process import QBT, SOURCE

DOCS = SOURCE.parent / "docs"
_STRICT = ("-q", "-n", "-W", "--keep-going")
_LOADED = re.compile(
    r'<(?:script|img|source|iframe)\b[^>]*\bsrc="([^"]*)"|<link\b[^>]*\bhref="([^"]*)"'
)
_LOADED_BY_STYLE = re.compile(r"""(?:url\(|@import\s)\s*["']?([^"')]*)""")


def _sphinx(builder: str, docs: Path, site: Path) -> subprocess.CompletedProcess[str]:
    words = (sys.executable, "-m", "sphinx", *_STRICT, "-b", builder, str(docs), str(site))
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as `make docs` does."""
    where = tmp_path_factory.mktemp("site")
    done = _sphinx("html", DOCS, where)
    assert (0, "") == (done.returncode, done.stderr)
    return where


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Give a site of one page, made by the same rules."""
    docs = tmp_path / "docs"
    docs.mkdir()
    shutil.copy(DOCS / "conf.py", docs)
    for directory in ("_extensions", "_static"):
        shutil.copytree(DOCS / directory, docs / directory)
    (docs / "index.md").write_text("# A page\n\n## A heading\n")
    return docs


def test_mistakes_fail_the_build(small: Path, tmp_path: Path) -> None:
    """A link to no page, a link to no heading and a page that nothing leads to are errors, and all that is said."""
    (small / "alone.md").write_text("# In no table of contents\n")
    with (small / "index.md").open("a") as file:
        file.write("\n[gone](gone.md)\n\n[gone](#a-heading-that-is-gone)\n")

    done = _sphinx("dummy", small, tmp_path / "site")

    warnings = sorted(re.findall(r"(\w+\.md)\S* WARNING: .*\[([\w.]+)\]", done.stderr))
    expected = [("alone.md", "toc.not_included"), *[("index.md", "myst.xref_missing")] * 2]
    assert (1, expected) == (done.returncode, warnings)


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    """Scripts, styles, pictures and fonts are files of the site: it works without a network."""
    pages = {file: _LOADED.findall(file.read_text()) for file in site.rglob("*.html")}
    styles = {file: _LOADED_BY_STYLE.findall(file.read_text()) for file in site.rglob("*.css")}
    loaded = [address for found in pages.values() for pair in found for address in pair if address]
    loaded += [address for found in styles.values() for address in found]

    assert len(loaded) > len(pages)
    assert [] == [address for address in loaded if re.match(r"(?!data:)[a-z]+:|//", address)]


@pytest.mark.parametrize("command", ["qbt", "qbt run", "qbt patch apply"])
def test_commands_page_says_what_help_says(site: Path, command: str) -> None:
    """The page of commands has the text of --help word for word, of commands of commands too."""
    words = (*QBT, *command.split()[1:], "--help")
    help_text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    text = html.unescape(re.sub(r"<[^>]+>", "", (site / "cli.html").read_text()))

    assert help_text.rstrip() in text


def test_the_page_of_commands_follows_them(small: Path, tmp_path: Path) -> None:
    """Whoever changes an option finds it there, without a build from nothing."""
    shutil.copy(DOCS / "cli.md", small)
    (small / "index.md").write_text("# A page\n\n```{toctree}\ncli\n```\n")

    _sphinx("dummy", small, tmp_path / "site")

    with (tmp_path / "site/.doctrees/environment.pickle").open("rb") as file:
        environment = pickle.load(file)  # noqa: S301  # we have just written it
    known = {(small / each).resolve() for each in environment.dependencies["cli"]}
    assert {*(SOURCE / "qemu_boot_time/cli").glob("*.py")} <= known
