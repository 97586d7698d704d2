"""``qbt overhead`` without a VM: what is refused; and ``qbt show``, which quotes the cost."""

from pathlib import Path

import pytest
from click import BadParameter
from click.testing import CliRunner

from qemu_boot_time.cli import overhead, report, show
from qemu_boot_time.errors import QbtError, UsageError
from qemu_boot_time.store.facts import BootFacts, Interleaved
from runs import boot_facts, debugcon_lines, make_run


def test_a_mark_cannot_end_a_boot_that_nobody_watches() -> None:
    """--until is refused before anything else is looked at, with what to do instead."""
    words = ("--until", "linux_start_user", "--", "no-such-program")

    result = CliRunner().invoke(overhead.command, words, standalone_mode=False)

    refusal = result.exception
    assert isinstance(refusal, UsageError)
    assert "--until linux_start_user: half of the boots have no source that sees it" == refusal.what
    assert "leave it out: the guest must end by itself" in refusal.hint


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--observer", "", "--"], "--observer: no command"),
        (["--observer", "'perf", "--"], "--observer: no closing quotation"),
        (["--observer", "no-such-program x", "--"], "no-such-program: not found"),
        (
            ["--source", "debugcon", "--observer", "sleep 9", "--"],
            "--source and --observer: one of them is measured at a time",
        ),
    ],
)
def test_an_observer_that_cannot_be(words: list[str], what: str) -> None:
    """Told before anything boots, with what to do instead."""
    every = [*words, "qemu-system-x86_64"]

    result = CliRunner().invoke(overhead.command, every, standalone_mode=False)

    refusal = result.exception
    assert isinstance(refusal, QbtError)
    assert what == refusal.what
    assert refusal.hint


def test_without_a_command_there_is_nothing_to_boot() -> None:
    """The hint shows this command, and no other."""
    result = CliRunner().invoke(overhead.command, (), standalone_mode=False)

    refusal = result.exception
    assert isinstance(refusal, UsageError)
    assert ("no command to boot", "qbt overhead -- qemu-system-x86_64 ...") == (
        refusal.what,
        refusal.hint,
    )


def test_seconds_to_settle_are_a_number() -> None:
    """No range holds one that is none, and nobody can wait for it."""
    words = ("--settle", "nan", "--observer", "sleep 9", "--", "qemu-system-x86_64")

    result = CliRunner().invoke(overhead.command, words, standalone_mode=False)

    assert isinstance(result.exception, BadParameter)


def test_an_observer_is_found_from_where_we_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though it runs among the raw files of a boot; one on the PATH keeps its name."""
    script = tmp_path / "obs.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    monkeypatch.chdir(tmp_path)

    assert (str(script), "-a") == overhead._split("./obs.sh -a")
    assert ("sleep", "9") == overhead._split("sleep 9")


def boots(took_ms: int) -> list[BootFacts]:
    """Give five boots that took as long, a millisecond apart, and half of that of a CPU."""
    begin_ns = [(i + 1) * 10**9 for i in range(5)]
    return [
        boot_facts(
            i,
            end_ns=begin_ns[i] + (took_ms + i) * 10**6,
            cpu_ns=(took_ms + i) * 500_000,
        )
        for i in range(5)
    ]


def shown(run: Path) -> str:
    """Show a run; give what was printed, on one line."""
    result = CliRunner().invoke(show.command, [str(run)], standalone_mode=False)
    assert result.exception is None, result.exception
    return " ".join(result.stdout.split())


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Write two runs as ``qbt overhead`` leaves them: alone, and a quarter slower when watched."""
    one, other = (
        Interleaved(seed=1, side="a", other="watched"),
        Interleaved(seed=1, side="b", other="alone"),
    )
    raw = "".join(debugcon_lines(i) for i in range(5))
    alone = make_run(tmp_path / "alone", boots(400), raw="", sources=(), interleaved=one)
    return alone, make_run(tmp_path / "watched", boots(500), raw=raw, interleaved=other)


def test_a_run_says_what_it_cost_to_watch_it(pair: tuple[Path, Path]) -> None:
    """From the facts of both runs, each time anew."""
    _, watched = pair

    ratio = "1.249 [1.241, 1.257]"
    assert (
        f"note: watched by debugcon a boot takes {ratio} times its wall time and {ratio} times its "
        "CPU time (5 boots, 5 alone)"
    ) in shown(watched)


def test_a_report_with_room_for_it_quotes_the_cost(pair: tuple[Path, Path]) -> None:
    """In Markdown below the phases, with its signs escaped; a run alone has no cost of its own."""
    alone, watched = pair

    texts = [
        CliRunner().invoke(report.command, [str(run), "--markdown", "-"]).stdout
        for run in (watched, alone)
    ]

    said = "- watched by debugcon a boot takes 1.249 &#91;1.241, 1.257&#93; times its wall time"
    assert [True, False] == [said in text for text in texts]
    assert "times" not in texts[1]


def test_a_page_says_it_too(pair: tuple[Path, Path]) -> None:
    """Among what a reader must know."""
    words = [str(pair[1]), "--html", "-"]

    result = CliRunner().invoke(report.command, words, standalone_mode=False)

    assert "<li>note: watched by debugcon a boot takes 1.249 [1.241, 1.257]" in result.stdout


def test_a_run_alone_says_why_it_has_no_table(pair: tuple[Path, Path]) -> None:
    """And names the other; it has no cost of its own."""
    alone, _ = pair

    text = shown(alone)

    assert "alone · 5 boots" in text
    assert "no source looked: without marks there is no table; watched, which lies beside" in text
    assert "times" not in text


def test_a_run_whose_other_is_gone_is_shown_as_ever(pair: tuple[Path, Path]) -> None:
    """Nothing is known of its cost then."""
    alone, watched = pair
    (alone / "run.json").unlink()

    assert "times" not in shown(watched)
