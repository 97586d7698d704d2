"""Man pages: every command, every option, nothing that roff would take for its own."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import click
import pytest

import man_pages
from qemu_boot_time import __version__
from qemu_boot_time.cli.main import COMMANDS, qbt

PAGES = man_pages.pages()


def rendered(page: str) -> str:
    """Give what a person reads, or skip."""
    if shutil.which("groff") is None:
        pytest.skip("no groff here")
    argv = (
        "groff",
        "-man",
        "-Kutf8",
        "-Tutf8",
        "-P-c",
        "-P-b",
        "-P-o",
        "-P-u",
        "-ww",
        "-rLL=100n",
        "-rHY=0",
    )
    done = subprocess.run(argv, input=page, capture_output=True, text=True, check=True)
    assert "" == done.stderr
    return done.stdout


def made_up(text: str, epilog: str = "", params: Sequence[click.Parameter] = ()) -> str:
    """Render the page of a command that says just this."""
    (page,) = man_pages.pages(
        click.Command("x", help=text, epilog=epilog, params=list(params))
    ).values()
    return rendered(page)


def words(text: str) -> str:
    """Take away how lines are broken and filled."""
    return " ".join(text.split())


def test_every_command_has_a_page() -> None:
    """Those below a command, too."""
    below = {f"qbt-patch-{name}.1" for name in ("list", "show", "apply")}

    assert {"qbt.1", *(f"qbt-{name}.1" for name in COMMANDS)} | below == PAGES.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_has_all_that_help_has(name: str) -> None:
    """Each option with its text, and each example as it stands."""
    command = qbt.get_command(click.Context(qbt), name)
    assert command is not None
    context = click.Context(command, info_name=f"qbt {name}")

    text = rendered(PAGES[f"qbt-{name}.1"])

    options = [p for p in command.params if isinstance(p, click.Option)]
    records = [record for option in options if (record := option.get_help_record(context))]
    shown = words(text)
    assert [] == [switches for switches, _ in records if switches not in shown]
    assert [] == [line for _, line in records if words(line) not in shown]
    examples = [line for line in (command.epilog or "").splitlines() if line.startswith("  qbt")]
    assert [] == [line.strip() for line in examples if line.strip() not in text]


def test_a_page_is_of_this_version() -> None:
    """With its name in the title, and the day that a build may set."""
    title, *_ = PAGES["qbt-run.1"].splitlines()

    assert re.fullmatch(
        rf'\.TH "QBT-RUN" 1 "\d{{4}}-\d\d-\d\d" "qemu-boot-time {__version__}" "User Commands"',
        title,
    )


def test_a_build_is_the_same_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its day is given."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")

    assert '"1970-01-02"' in man_pages.pages()["qbt.1"]


def test_the_first_page_leads_to_the_others() -> None:
    """Its commands, its exit statuses."""
    text = words(rendered(PAGES["qbt.1"]))

    assert all(f"qbt-{name}(1)" in text for name in COMMANDS)
    assert "EXIT STATUS 0 done, 1 the answer is no" in text
    assert "SEE ALSO qbt-patch(1)" in words(rendered(PAGES["qbt-patch-list.1"]))


@pytest.mark.parametrize("line", [".so /etc/passwd", "'br x", r"a\fBb \n(.x", "a-b 'c' `d ^e ~f"])
def test_text_is_no_request(line: str) -> None:
    """Dots, apostrophes and backslashes are shown, and what a shell takes can be copied."""
    option = click.Option(["--x"], help=line)

    text = made_up(f"First.\n\n{line}", f"\b\nExamples:\n  {line}\n", [option])

    assert 3 == words(text).count(line)


def test_what_is_not_filled_stays_so() -> None:
    """Examples keep their lines and their indents."""
    text = made_up(
        "Do it.", "\b\nExamples:\n  qbt a \\\n      --b\n  qbt c\n\nExit status: 0 done.\n"
    )

    assert "EXAMPLES\n       qbt a \\\n           --b\n       qbt c\n" in text
    assert "EXIT STATUS\n       0 done.\n" in text


def test_mandoc_has_nothing_to_say(tmp_path: Path) -> None:
    """The other renderer is the stricter one."""
    if shutil.which("mandoc") is None:
        pytest.skip("no mandoc here")
    man_pages.main(str(tmp_path))

    argv = ("mandoc", "-Tlint", "-Wwarning", *map(str, sorted(tmp_path.iterdir())))
    done = subprocess.run(argv, capture_output=True, text=True, check=False)

    assert ("", "", len(PAGES)) == (done.stdout, done.stderr, len(argv) - 3)
