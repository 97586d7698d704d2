"""The page of ``qbt report --html``: its numbers, its data, that nobody speaks through it."""

import base64
import hashlib
import json
from dataclasses import replace

import pytest

from boots import marks
from budgets import counted_run, run_of
from page_runs import EVIL, MS, Page, boot, numbers_of_json, numbers_of_page, page_run
from qemu_boot_time.exits import CounterSample
from qemu_boot_time.host.drawing import Picture, pen
from qemu_boot_time.model import Clock, Inside, Outcome, Phase, Profile, Purpose, Run
from qemu_boot_time.phases import Rules, boot_of_marks
from qemu_boot_time.report.exports import Pair, exporter, pair_exporter
from qemu_boot_time.report.json import to_json
from qemu_boot_time.report.rows import MOST_POINTS, bars_of

KERNELS = [100, 104, 108, 112, 116, 120, 400]
SCRIPT = "window.vegaEmbed = 0;"
"""Instead of the library, which only a browser needs."""


def page_of(*runs: Run) -> Page:
    """Render runs beside each other."""
    return Page.of(exporter("html", library=lambda: SCRIPT)(runs))


def compared(first: Run, second: Run, *warnings: str) -> Page:
    """Render an A and a B."""
    return Page.of(pair_exporter("html", library=lambda: SCRIPT)(Pair(first, second, warnings)))


# --- numbers ----------------------------------------------------------------------------------


def test_the_numbers_are_those_of_json() -> None:
    """Of every phase, part and mark, and of exits, to the nanosecond."""
    run = page_run(KERNELS)

    page = page_of(run)

    assert numbers_of_json(json.loads(to_json(run))) == numbers_of_page(page)


def test_numbers_are_shown_in_milliseconds() -> None:
    """To the microsecond, where a person reads them."""
    content = exporter("html", library=lambda: SCRIPT)([page_run(KERNELS)])

    assert f'<data value="{112 * MS}">112.000</data>' in str(content)


def test_a_run_of_instructions() -> None:
    """Counts, with their unit."""
    page = page_of(counted_run([2000, 2002]))

    assert "=2001" == page.table("phase (instructions)")["kernel"][1]
    assert "kernel (instructions)" in [spec.get("title") for spec in page.data["charts"].values()]


def test_the_waterfall_of_instructions() -> None:
    """Bars are counts, on an axis of counts; the boot that ran most stands beside the one in the middle."""
    page = page_of(counted_run([2000, 2002, 2009]))

    text = "".join(page.text)
    assert "median boot: boot 2, total 3,002 instructions" in text
    assert "boot of most instructions: boot 3, total 3,009 instructions" in text
    chart = page.data["charts"]["r0w1"]
    bars = [(bar["name"], bar["begin"], bar["end"]) for bar in chart["datasets"]["bars"]]
    assert [("exec..linux_start_kernel", 0, 1000), ("kernel", 1000, 3009)] == bars
    x = chart["layer"][0]["encoding"]["x"]
    assert ("instructions since the guest's first", 3009) == (x["title"], x["scale"]["domainMax"])


def test_what_was_not_counted_has_no_bar() -> None:
    """Nor is it what no phase explains: nobody knows."""
    (counted,) = counted_run([2000]).boots
    first, *others = counted.phases
    unknown = replace(counted, phases=(replace(first, instructions=None), *others))

    assert [("kernel", 1000, 3000)] == [
        (bar.name, bar.begin, bar.end) for bar in bars_of(unknown, Clock.INSTRUCTIONS)
    ]


def test_a_boot_that_is_picked_is_drawn_in_its_own_clock() -> None:
    """Of a page of two clocks, too."""
    page = page_of(page_run(KERNELS, name="a"), counted_run([2000]))

    assert {"time": "ms", "instructions": "instructions"} == {
        name: each["unit"] for name, each in page.data["clocks"].items()
    }
    assert ["time", "instructions"] == [run["clock"] for run in page.data["runs"]]
    assert [1000, 3000] == [at for _, at in page.data["runs"][1]["boots"][0][5]]


def test_columns_that_know_something() -> None:
    """So few boots have no interval and no percentile; six have the one, 59 the other."""
    pages = [page_of(page_run([100 + i % 7 for i in range(n)])) for n in (5, 7, 59)]

    some, more = ["n", "median", "mean", "min", "max"], ["n", "median", "from", "to", "mean"]
    assert [some, [*more, "min", "max"], [*more, "min", "max", "p95"]] == [
        page.table("phase (ms)")["phase (ms)"] for page in pages
    ]


def test_boots_without_a_result_have_the_words_of_the_terminal() -> None:
    """Those that failed, and those that somebody stopped."""
    run = page_run(KERNELS)
    stopped = replace(run.boots[-1], index=8, outcome=Outcome.INTERRUPTED, message="")

    page = page_of(replace(run, boots=(*run.boots, stopped)))

    assert "9 boots, 1 failed, 1 interrupted" in "".join(page.text)


def test_a_name_of_two_marks_may_be_parted_between_them() -> None:
    """In a table on a phone; a guest's own stays text."""
    run = page_run([100])
    named = replace(run.boots[0].phases[0], name=f"exec..{EVIL}")
    content = str(
        exporter("html", library=lambda: SCRIPT)(
            [replace(run, boots=(replace(run.boots[0], phases=(named,)),))]
        )
    )

    assert '<th scope="row">exec..<wbr>&lt;/script&gt;' in content
    assert f"exec..{EVIL}" in Page.of(content).table("phase (ms)")


def test_no_boot_counts() -> None:
    """The page says how they failed, and every boot can be picked."""
    page = page_of(page_run([]))

    assert any("timeout: stuck" in text for text in page.text)
    assert [[1, "timeout"]] == [each[:2] for each in page.data["runs"][0]["boots"]]


# --- charts -----------------------------------------------------------------------------------


def test_the_bars_of_a_boot() -> None:
    """Phases, parts below theirs, gaps that no phase explains, then the user's own."""
    bars = bars_of(boot(0, 100))

    assert [
        ("vmm", "phase", 0, 30),
        ("↳ devices", "part", 0, 20),
        ("↳ loading", "part", 20, 30),
        ("unaccounted", "unaccounted", 30, 32),
        ("firmware", "phase", 32, 40),
        ("loader", "phase", 40, 40),
        ("kernel_early", "phase", 40, 60),
        ("kernel", "phase", 60, 160),
        ("to_user", "own", 32, 160),
    ] == [(name, kind, begin // MS, end // MS) for name, kind, begin, end in bars]


def test_the_parts_of_a_start_without_a_first_entry() -> None:
    """They lie below the first phase, whatever its name."""
    seen = boot_of_marks(marks(fw_start=40, fw_do_boot=50), index=0, rules=Rules())
    one = replace(seen, parts=(Phase("devices", "exec", "loading", 0, 20),))

    assert ["exec..fw_start", "\u21b3 devices", "firmware"] == [bar.name for bar in bars_of(one)]


def test_the_boot_in_the_middle_and_the_slowest() -> None:
    """By their totals, on one scale."""
    page = page_of(page_run([120, 100, 104, 400]))

    text = "".join(page.text)
    assert "median boot: boot 1, total 180.000 ms" in text
    assert "slowest boot: boot 4, total 460.000 ms" in text
    charts = page.data["charts"]
    tops = [charts[i]["layer"][0]["encoding"]["x"]["scale"]["domainMax"] for i in ("r0w0", "r0w1")]
    assert [460, 460] == tops


@pytest.mark.parametrize(
    ("run", "role"),
    [
        (page_run([100]), "the only boot that counts: boot 1"),
        (page_run([100, 100]), "median boot and slowest boot: boot 1"),
        (counted_run([2000, 2000]), "median boot and boot of most instructions: boot 1"),
    ],
    ids=["one", "equal", "counted"],
)
def test_one_boot_that_stands_for_both_is_drawn_once(run: Run, role: str) -> None:
    """The title says what it is."""
    page = page_of(run)

    assert role in "".join(page.text)
    assert ["r0w0"] == [name for name in page.data["charts"] if name.startswith("r0w")]


def test_an_a_and_a_b_have_one_scale() -> None:
    """That of the longest boot drawn, so that bars can be compared by eye."""
    charts = compared(page_run([100, 104]), page_run([200, 300], name="new")).data["charts"]

    scales = [
        charts[f"r{run}w{i}"]["layer"][0]["encoding"]["x"]["scale"]
        for run in (0, 1)
        for i in (0, 1)
    ]
    assert [360] * 4 == [scale["domainMax"] for scale in scales]


def test_every_boot_is_a_point() -> None:
    """Those that failed are none; outliers are marked."""
    page = page_of(page_run(KERNELS * 2))

    kernel = next(c for c in page.data["charts"].values() if c.get("title") == "kernel (ms)")
    points = kernel["datasets"]["points"]
    assert [round(each * MS) for each in KERNELS * 2] == [each["value"] for each in points]
    assert {7, 14} == {each["boot"] for each in points if each["odd"]}


def test_of_very_many_boots_some_are_drawn() -> None:
    """The page says so; the numbers are of all, all can be picked, and what is odd is drawn."""
    kernels = [100 + i % 7 for i in range(3 * MOST_POINTS - 1)]
    kernels[1], kernels[4] = 900, 800

    page = page_of(run_of(kernels))

    kernel = next(c for c in page.data["charts"].values() if c.get("title") == "kernel (ms)")
    points = kernel["datasets"]["points"]
    assert MOST_POINTS <= len(points) < 2 * MOST_POINTS
    assert {800 * MS, 900 * MS} == {each["value"] for each in points if each["odd"]}
    assert "=2999" == page.table("phase (ms)")["kernel"][0]
    assert 2999 == len(page.data["runs"][0]["boots"])
    assert any("some are drawn" in text for text in page.text)


@pytest.mark.parametrize("kernels", [[100] * 10_000, [100, 200] * 5_000], ids=["one", "two"])
def test_of_many_boots_that_are_equal_as_few_are_drawn(kernels: list[float]) -> None:
    """In every phase: one boot stands for all that are as fast as the fastest, one for the slowest."""
    page = page_of(run_of(kernels))

    drawn = {
        chart["title"]: {point["boot"] for point in chart["datasets"]["points"]}
        for name, chart in page.data["charts"].items()
        if name.startswith("d")
    }
    assert {"kernel (ms)", "total (ms)"} < drawn.keys()
    assert [] == [title for title, boots in drawn.items() if len(boots) > MOST_POINTS + 2]


def profiled(*exits: int, device: str = "fw_cfg", address: int = 0x511) -> tuple[Profile, ...]:
    """Make profiles of boots 21 and on, each with so many exits to one device."""
    (known,) = page_run(KERNELS).profiles
    counter = replace(known.counters[0], device=device, addresses=(0x510, address))
    return tuple(
        replace(known, boot=boot(20 + i, 100), counters=(replace(counter, exits=count),))
        for i, count in enumerate(exits)
    )


def test_exits_by_device() -> None:
    """Stacked by device, counted in a table a phase; what has no device goes by the host's word."""
    page = page_of(page_run(KERNELS))

    rows = page.data["charts"]["r0x0"]["datasets"]["counters"]
    assert [("firmware", "fw_cfg", 412_000, 5), ("kernel", "EXIT_HLT", 7, 0)] == [
        (row["name"], row["device"], row["exits"], row["outside"]) for row in rows
    ]
    firmware = page.table("exits in firmware (8.000 ms)")
    counts = ["=412000", "=824000", "=5000000", "62.5%", "0x510-0x511"]
    assert counts == firmware["fw_cfg, port read"]
    assert ["=7", "=3", "0.0%"] == page.table("exits in kernel")["idle EXIT_HLT"]


def test_exits_in_words() -> None:
    """As the terminal has them: a sentence a phase."""
    run = page_run(KERNELS)

    page = page_of(run)

    text = "".join(page.text)
    assert "Exits: 1 boot that does not count" in text
    words = json.loads(to_json(run))["profile"]["phases"]
    assert 2 == len([phase for phase in words if phase["words"] in text])


def test_exits_are_medians_over_boots() -> None:
    """In one section, however many boots were profiled; the one in the middle is drawn over time."""
    page = page_of(replace(page_run(KERNELS), profiles=profiled(9, 1, 5)))

    rows = page.data["charts"]["r0x0"]["datasets"]["counters"]
    assert [5] == [row["exits"] for row in rows]
    assert "=5" == page.table("exits in firmware")["fw_cfg, port read"][0]
    assert 1 == sum("that do not count" in text for text in page.text)
    assert "exits so far of boot 23, by device" in page.text
    assert not any("boot 21" in text for text in page.text)


def test_a_profiled_boot_that_failed_is_left_out() -> None:
    """It is named, and nothing else of it is on the page, whatever was counted."""
    (known,) = page_run(KERNELS).profiles
    stuck = replace(known, boot=page_run([]).boots[0])

    page = page_of(replace(page_run(KERNELS), profiles=(stuck,)))

    text = "".join(page.text)
    assert "Exits: not known of any boot" in text
    assert f"left out: boot 1 (timeout: stuck {EVIL})" in text
    assert not any(name.startswith("r0x") for name in page.data["charts"])
    assert [] == [rows for rows in page.tables if rows[0][0].startswith("exits")]


def test_one_address_stands_alone() -> None:
    """As in the terminal."""
    profiles = profiled(1, device="serial", address=0x510)

    page = page_of(replace(page_run(KERNELS), profiles=profiles))

    assert "0x510" == page.table("exits in firmware")["serial, port read"][-1]


def test_what_is_no_device() -> None:
    """Goes by one name in the table, the bars and the lines."""
    (known,) = profiled(7, device="", address=0x510)
    sample = CounterSample(33 * MS, "no device", 7)

    page = page_of(replace(page_run(KERNELS), profiles=(replace(known, samples=(sample,)),)))

    charts = page.data["charts"]
    assert ["no device"] == [row["device"] for row in charts["r0x0"]["datasets"]["counters"]]
    assert {"no device"} == {row["device"] for row in charts["r0x3"]["datasets"]["samples"]}
    assert "no device at 0x510, port read" in page.table("exits in firmware")


def test_exits_of_many_devices() -> None:
    """Those with most exits have a colour each, the rest share one; the table has all."""
    run = page_run(KERNELS)
    (known,) = run.profiles
    many = [replace(known.counters[0], device=f"d{i}", exits=10 - i) for i in range(8)]

    page = page_of(replace(run, profiles=(replace(known, counters=tuple(many)),)))

    rows = page.data["charts"]["r0x0"]["datasets"]["counters"]
    assert [*(f"d{i}" for i in range(5)), *["others"] * 3] == [row["device"] for row in rows]
    assert 1 + 8 == len(page.table("exits in firmware"))


def test_what_has_nothing_to_draw_has_no_chart() -> None:
    """A boot without a mark that looked inside, exits of which there were none, sides without a phase."""
    empty = page_run([]).boots[0]
    run = Run(
        "night",
        (empty,),
        inside=(Inside(Purpose.UNITS, empty),),
        profiles=(Profile(empty),),
    )

    assert {} == page_of(run).data["charts"]
    assert {} == compared(run, replace(run, name="day")).data["charts"]


def test_exits_over_time() -> None:
    """Below the phases of that boot, on their scale, from none up to its end; counts are whole numbers."""
    charts = page_of(page_run(KERNELS)).data["charts"]

    samples = [(0, 0), (32 * MS, 1), (39 * MS, 412_000), (160 * MS, 412_000)]
    assert samples == [(s["time"], s["exits"]) for s in charts["r0x3"]["datasets"]["samples"]]
    scales = [
        charts["r0x2"]["layer"][0]["encoding"]["x"]["scale"],
        charts["r0x3"]["encoding"]["x"]["scale"],
    ]
    assert [160, 160] == [scale["domainMax"] for scale in scales]
    assert (
        "phases of boot 1, which was profiled and does not count" == charts["r0x2"]["description"]
    )
    axes = [charts["r0x0"]["encoding"]["x"]["axis"], charts["r0x3"]["encoding"]["y"]["axis"]]
    assert [1, 1] == [axis["tickMinStep"] for axis in axes]


def test_inside_a_guest() -> None:
    """Its spans below the phases of that boot, with the error of the alignment."""
    page = page_of(page_run(KERNELS))

    bars = page.data["charts"]["r0i0"]["datasets"]["bars"]
    assert [("↳ kernel", 60 * MS), (f"↳ {EVIL}", 61 * MS)] == [
        (bar["name"], bar["begin"]) for bar in bars if bar["kind"] == "inside"
    ]
    assert any("tied to the host's within 0.025 ms" in text for text in page.text)


def test_facts_and_what_to_know() -> None:
    """Of the run, of the host, and notes (what watching cost is one)."""
    text = "\n".join(page_of(replace(page_run(KERNELS), notes=("watching costs 1 %",))).text)

    assert "note: watching costs 1 %" in text
    assert "perf_event" in text
    assert "A CPU" in text
    assert "performance" in text


# --- several runs -----------------------------------------------------------------------------


def test_an_a_and_a_b() -> None:
    """The sentence, each phase with its shift and interval, and what is not alike."""
    first = page_run(KERNELS * 2)
    second = page_run([each + 30 for each in KERNELS * 2], name="day")

    page = compared(first, second, "another host")

    text = "\n".join(page.text)
    assert "SLOWER: +30.0 ms" in text
    assert "warning: another host" in text
    row = page.table("phase (ms)")["kernel"]
    assert [f"={112 * MS}", f"={142 * MS}", f"={30 * MS}"] == row[:3]
    assert "SLOWER" == row[-1]
    changes = page.data["charts"]["changes"]["datasets"]["changes"]
    assert {"kernel": "SLOWER", "vmm": "SAME"}.items() <= {
        each["name"]: each["verdict"] for each in changes
    }.items()


def test_an_a_and_a_b_of_instructions() -> None:
    """Counts are compared as counts."""
    page = compared(counted_run([2000]), counted_run([2010]))

    assert ["=2000", "=2010", "=10"] == page.table("phase (instructions)")["kernel"][:3]


def test_three_runs_have_no_verdict() -> None:
    """An overview of their totals, and a lane each."""
    runs = [page_run(KERNELS, name=name) for name in ("a", "b", "c")]

    page = page_of(*runs)

    assert ["a", "b", "c"] == list(page.table("total (ms)"))[1:]
    assert not any("SAME" in text for text in page.text)
    lanes = {row["run"] for row in page.data["charts"]["d0"]["datasets"]["points"]}
    assert {0, 1, 2} == lanes


def test_runs_of_two_clocks() -> None:
    """Share no axis."""
    page = page_of(page_run(KERNELS, name="a"), counted_run([2000]), counted_run([2001]))

    assert not any(chart.startswith("d") for chart in page.data["charts"])
    assert "=172000000" in page.table("total (ms, instructions)")["a"]


# --- nobody speaks through it -----------------------------------------------------------------


def test_text_of_a_guest_stays_text() -> None:
    """There are the page's two scripts and no picture, and the text can be read as it was."""
    page = page_of(page_run(KERNELS))

    tags = [tag for tag, _ in page.tags]
    assert (2, 0) == (tags.count("script"), tags.count("img"))
    assert any(f"note {EVIL}" in text for text in page.text)
    assert f"stuck {EVIL}" == page.data["runs"][0]["boots"][-1][3]


def test_control_characters_are_written_out() -> None:
    """Nothing turns the direction of a page's text."""
    content = exporter("html", library=lambda: SCRIPT)([page_run([100], name="a\u202eb")])

    assert "\u202e" not in str(content)
    assert "a\\x202eb" in str(content)


def test_the_page_asks_for_nothing() -> None:
    """Its policy allows its own script, by what is in it, and no address; nothing names one."""
    page = page_of(page_run(KERNELS))

    policy = next(str(found["content"]) for tag, found in page.tags if "http-equiv" in found)
    digest = base64.b64encode(hashlib.sha256(page.script.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; script-src 'sha256-{digest}'; ")
    assert "unsafe-eval" not in policy
    links = [found[name] for _, found in page.tags for name in ("src", "href") if name in found]
    assert [] == [link for link in links if not str(link).startswith(("#", "data:,"))]


# --- pictures ---------------------------------------------------------------------------------


def test_an_svg_has_waterfalls_and_distributions() -> None:
    """Colours are written out, for no style sheet is there; names of a guest are text."""
    run = replace(page_run(KERNELS, name=EVIL))

    with pen() as drawing:
        content = str(exporter("svg", pen=drawing)([run]))

    assert content.startswith("<svg")
    assert "slowest boot, boot 7, total 460.000 ms" in content
    assert "kernel (ms)" in content
    assert "var(" not in content
    assert "<script" not in content


def test_a_png_is_one() -> None:
    """By its first bytes."""
    with pen(scale=2) as drawing:
        content = exporter("png", pen=drawing)([page_run([100, 104])])

    assert b"\x89PNG" == bytes(content[:4])  # type: ignore[arg-type]  # bytes


def test_a_picture_of_an_a_and_a_b() -> None:
    """The sentence and the shifts come first; what is not alike is told."""
    slower = page_run([each + 30 for each in KERNELS], name="new")
    pair = Pair(page_run(KERNELS), slower, ("another host",))

    with pen(scale=2) as drawing:
        content = str(pair_exporter("svg", pen=drawing)(pair))
        pixels = pair_exporter("png", pen=drawing)(pair)

    texts = [each.partition("<")[0] for each in content.split(">")]
    told = [text for text in texts if text.strip()]
    assert "warning: another host" in told
    assert told.index("second less first, ms") < told.index("kernel (ms)")
    assert "var(" not in content
    assert b"\x89PNG" == bytes(pixels[:4])  # type: ignore[arg-type]  # bytes


def test_a_drawing_is_made_once_for_both_pictures() -> None:
    """The pixels are those of the drawing."""
    drawn = []

    def draw(spec: object) -> Picture:
        drawn.append(spec)
        return Picture("<svg/>", b"pixels")

    runs = [page_run([100, 104])]

    both = [exporter(name, pen=draw)(runs) for name in ("svg", "png")]

    assert ["<svg/>", b"pixels"] == both
    assert 1 == len(drawn)
