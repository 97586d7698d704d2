"""The comment for a pull request: what it says, and that nobody can speak through it."""

from dataclasses import replace

import pytest

from budgets import NIGHT, counted_run, fail_if, judged, require, run_of
from qemu_boot_time.report.markdown import (
    Against,
    code,
    comparison_to_markdown,
    escaped,
    to_markdown,
)
from qemu_boot_time.stats.judging import Judged
from qemu_boot_time.stats.moves import moves_between

RUN = run_of(NIGHT)
FACTS = {"command": "qemu -append 'a|b'", "qbt": "0.1.0", "CPU": ""}


def cells(text: str, word: str) -> list[str]:
    """Give the cells of the first row whose first cell holds a word."""
    row = next(line for line in text.splitlines() if line.startswith("| ") and word in line)
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_phases_with_their_intervals() -> None:
    """In milliseconds."""
    text = to_markdown(RUN, (), {})

    assert ["phase (ms)", "n", "median", "95 % interval", "min", "max"] == cells(text, "phase (ms)")
    assert [
        "<code>kernel</code>",
        "6",
        "110.000",
        "100.000 to 120.000",
        "100.000",
        "120.000",
    ] == cells(text, "<code>kernel<")


def test_too_few_boots_for_an_interval() -> None:
    """It is left out, and nothing is made up."""
    assert "" == cells(to_markdown(run_of([100]), (), {}), "<code>kernel<")[3]


def test_the_heading_says_what_it_comes_to() -> None:
    """How many budgets are broken, if there are any; then the run in a sentence."""
    gates = [judged(fail_if("kernel > 1ms"), RUN), judged(fail_if("kernel > 1s"), RUN)]

    open_ = judged(fail_if("kernel slower than 2%"), RUN, run_of([each - 1.5 for each in NIGHT]))

    heads = [
        to_markdown(RUN, some, {}).splitlines()
        for some in (gates, gates[1:], [*gates[1:], open_], list[Judged]())
    ]

    assert [
        "### Boot time: ❌ 1 of 2 budgets broken",
        "### Boot time: ✅ all budgets held",
        "### Boot time: ❔ no budget broken, 1 of 2 undecided",
        "### Boot time",
    ] == [lines[0] for lines in heads]
    assert "**<code>night</code>: 6 boots, median total 120.000 ms**" == heads[0][2]


def test_budgets_each_with_a_word() -> None:
    """A sign, a word, and what it is."""
    gates = [judged(fail_if("kernel > 1s"), RUN), judged(require("net < 1ms"), RUN)]

    text = to_markdown(RUN, gates, {})

    assert ["✅ held", "it is 110.000 ms"] == cells(text, "kernel &#62; 1s")[1:]
    assert "❌ cannot be judged" == cells(text, "require net")[1]


def test_marks_and_facts_are_folded() -> None:
    """What nobody reads at first is behind a triangle; a fact that nobody knows is left out."""
    text = to_markdown(RUN, (), FACTS)

    assert 2 == text.count("<details><summary>") == text.count("</details>")
    assert ["<code>linux_start_user</code>", "6", "120.000"] == cells(text, "linux_start_user")[:3]
    assert "CPU" not in text


def test_a_run_of_instructions() -> None:
    """Whole numbers, with commas."""
    text = to_markdown(counted_run([1_234_567]), (), {})

    assert "phase (instructions)" == cells(text, "phase")[0]
    assert "1,234,567" == cells(text, "<code>kernel<")[2]


def test_a_run_without_boots() -> None:
    """There is no table to show."""
    text = to_markdown(run_of([], failed=2), (), {})

    assert "**<code>night</code>: 2 boots, 2 failed**" in text
    assert "| phase" not in text


def test_two_sides() -> None:
    """The sentence, both medians, the shift with its interval, and the verdict."""
    first, second = run_of([100] * 20, name="old"), run_of([110] * 20, name="new")
    against = Against(first, moves_between(first, second))

    text = comparison_to_markdown(second, against, "SLOWER: +10 ms", (), {})

    assert "**SLOWER: +10 ms**" in text
    assert "First <code>old</code>, 20 boots; second <code>new</code>, 20 boots." in text
    assert [
        "<code>kernel</code>",
        "100.000",
        "110.000",
        "+10.000 (+10.00 %)",
        "+10.000 to +10.000",
        "SLOWER",
    ] == cells(text, "<code>kernel<")


def test_a_run_and_its_baseline() -> None:
    """The run's own table, then how far it lies from the baseline."""
    first, second = run_of([100] * 20, name="old"), run_of([110] * 20, name="new")
    against = Against(first, moves_between(first, second))

    own, other = to_markdown(second, (), {}, against).split("First <code>old</code>")

    assert "110.000" == cells(own, "<code>kernel<")[2]
    assert "SLOWER" == cells(other, "<code>kernel<")[5]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("linux_start_user", "linux_start_user"),
        ("fw_start..linux_start_kernel", "fw_start..linux_start_kernel"),
        ("a|b", "a&#124;b"),
        ("`x`", "&#96;x&#96;"),
        ("<script>", "&#60;script&#62;"),
        ("&lt;", "&#38;lt;"),
        ("@everyone", "&#64;everyone"),
        ("#1", "&#35;1"),
        ("[a](http://b)", "&#91;a&#93;(http&#58;//b)"),
        ("www.evil.example", "www&#46;evil.example"),
        ("*a* _b_ ~c~", "&#42;a&#42; &#95;b&#95; &#126;c&#126;"),
        (":tada:", "&#58;tada&#58;"),
        ("a\nb\x1b", "a&#92;x0ab&#92;x1b"),
        ("![x]", "&#33;&#91;x&#93;"),
    ],
)
def test_text_from_elsewhere(text: str, shown: str) -> None:
    """It is shown as it is, and does nothing."""
    assert shown == escaped(text)
    assert f"<code>{shown}</code>" == code(text)


def test_a_name_cannot_break_the_table() -> None:
    """Marks are what the guest or a file calls them."""
    boot = RUN.boots[0]
    marks = (replace(boot.marks[0], name="a|b\n| c `@all`"), *boot.marks[1:])

    text = to_markdown(replace(RUN, boots=(replace(boot, marks=marks),)), (), {})

    assert "<code>a&#124;b&#92;x0a&#124; c &#96;&#64;all&#96;</code>" == cells(text, "a&#124;b")[0]
