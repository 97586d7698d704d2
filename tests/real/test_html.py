"""The page of ``qbt report --html`` in a real browser, Chromium without a screen."""

import base64
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

import exit_guest
from page_runs import EVIL, Page, numbers_of_json, numbers_of_page, page_run
from qbt_process import World, tiny_qemu
from qemu_boot_time.model import Run
from qemu_boot_time.report.exports import Pair, exporter, pair_exporter
from qemu_boot_time.sources import perf_event
from qemu_boot_time.store.chart_library import chart_library
from real_host import require

pytestmark = pytest.mark.real

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",  # tests run as root in containers
    "--disable-gpu",
    "--disable-dev-shm-usage",
)
_COMES_WITHIN_S = 60
KERNELS = [100, 104, 108, 112, 116, 120, 400]
_PHONE, _DESK = 390, 1280
_DRAWN = "return document.documentElement.dataset.drawn || ''"
_OVERFLOW = "return document.documentElement.scrollWidth - window.innerWidth"

_BEYOND = """
const beyond = (inner, outer) => inner.width && (inner.left < outer.left - 1 || inner.right > outer.right + 1);
return [...document.querySelectorAll(".chart svg")].flatMap((chart) =>
  [...chart.querySelectorAll("text")]
    .filter((text) => beyond(text.getBoundingClientRect(), chart.getBoundingClientRect()))
    .map((text) => text.textContent));
"""


class Browser:
    """A page in Chromium."""

    def __init__(self, driver: webdriver.Chrome, directory: Path) -> None:
        self.driver = driver
        self.directory = directory

    def show(self, content: str | bytes, *, width: int = _DESK, scheme: str = "light") -> None:
        """Open a page at a width, in a light or a dark scheme, and wait until it is drawn."""
        assert isinstance(content, str)
        file = self.directory / "page.html"
        file.write_text(content, encoding="utf-8")
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.tell("Emulation.setDeviceMetricsOverride", **size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.tell("Emulation.setEmulatedMedia", features=features)
        self.driver.get(file.as_uri())
        self.until_drawn()

    def until_drawn(self) -> None:
        """Wait until the page draws nothing any more."""
        self.until(lambda: self.ask(_DRAWN) == "yes")

    def until(self, true: Callable[[], bool]) -> None:
        """Wait for what must come."""
        deadline = time.monotonic() + _COMES_WITHIN_S
        while not true():
            assert time.monotonic() < deadline, self.log("browser")
            time.sleep(0.02)

    def tell(self, command: str, **parameters: Any) -> Any:
        """Give the browser a command of its own protocol."""
        return self.driver.execute_cdp_cmd(command, parameters)

    def ask(self, script: str) -> Any:
        """Run a script in the page."""
        return self.driver.execute_script(script)

    def find(self, selector: str) -> WebElement:
        """Give the one element."""
        return self.driver.find_element("css selector", selector)

    def texts(self, selector: str) -> list[str]:
        """Give the text of each element, whether it shows or not."""
        found = self.driver.find_elements("css selector", selector)
        return [str(each.get_property("textContent")) for each in found]

    def requests(self) -> list[str]:
        """Give every address that was asked for since the last call."""
        told = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        sent = [each for each in told if each["method"] == "Network.requestWillBeSent"]
        return [each["params"]["request"]["url"] for each in sent]

    def log(self, kind: str) -> Sequence[Any]:
        """Give what the browser has logged since the last call."""
        entries: Sequence[Any] = self.driver.get_log(kind)  # type: ignore[no-untyped-call]  # as above
        return entries


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    """Give Chromium, where there is one with its driver."""
    browser = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    program = shutil.which("chromedriver")
    require(browser is not None and program is not None, "no chromium with its driver here")
    options = webdriver.ChromeOptions()
    options.binary_location = str(browser)
    for argument in _ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(program))
    yield driver
    driver.quit()


@pytest.fixture
def browser(driver: webdriver.Chrome, tmp_path: Path) -> Browser:
    """Give a browser whose logs are empty."""
    found = Browser(driver, tmp_path)
    driver.get("about:blank")
    found.log("browser")
    found.log("performance")
    return found


def picked_title(browser: Browser) -> str:
    """Give what stands above the picked boot."""
    return str(browser.find("#picked-title").text)


def picks(browser: Browser, name: str) -> bool:
    """Whether the picked boot is called so."""
    return name in picked_title(browser)


def page_of(*runs: Run) -> str | bytes:
    """Render runs beside each other."""
    with chart_library() as library:
        return exporter("html", library=library)(runs)


def pair() -> str | bytes:
    """Render an A and a B."""
    slower = page_run([each + 30 for each in KERNELS], name=EVIL)
    with chart_library() as library:
        export = pair_exporter("html", library=library)
        return export(Pair(page_run(KERNELS), slower, ("another host",)))


PAGES: Mapping[str, Callable[[], str | bytes]] = {
    "one": lambda: page_of(page_run(KERNELS)),
    "two": pair,
    "three": lambda: page_of(*(page_run(KERNELS, name=name) for name in "abc")),
    "failed": lambda: page_of(page_run([])),
    "alike": lambda: page_of(page_run([100, 100, 100])),
}


@pytest.mark.parametrize("name", PAGES)
def test_no_request_leaves_and_no_error_is_told(name: str, browser: Browser) -> None:
    """The file itself is all that is asked for, the console stays empty, all charts are drawn."""
    browser.show(PAGES[name]())

    assert [(browser.directory / "page.html").as_uri()] == browser.requests()
    assert [] == [entry["message"] for entry in browser.log("browser")]
    empty = [
        chart.get_property("id")
        for chart in browser.driver.find_elements("css selector", ".chart")
        if not chart.find_elements("css selector", "svg")
    ]
    assert (["picked"] if name == "failed" else []) == empty


def test_text_of_a_guest_runs_nowhere(browser: Browser) -> None:
    """Not in a table, a chart or an option."""
    browser.show(pair())
    options = browser.texts("#boot option")

    for place in range(len(options)):
        browser.ask(f"const s = document.getElementById('boot'); s.selectedIndex = {place};"
                    "s.dispatchEvent(new Event('change'))")  # fmt: skip

    assert browser.ask("return window.caught") is None
    assert any(EVIL in text for text in browser.texts("li"))
    assert [] == browser.driver.find_elements("css selector", "img")


def test_text_of_a_guest_runs_in_no_tooltip(browser: Browser) -> None:
    """Whoever points at what a guest has named reads the name."""
    browser.show(pair())
    bars = browser.driver.find_elements("css selector", "#r0i0 path[role='graphics-symbol']")
    (named,) = [bar for bar in bars if EVIL in str(bar.get_attribute("aria-label"))]

    ActionChains(browser.driver).scroll_to_element(named).move_to_element(named).perform()

    shown = "#vg-tooltip-element.visible"
    browser.until(lambda: bool(browser.driver.find_elements("css selector", shown)))
    tooltip = browser.find(shown)
    assert f"name ↳ {EVIL}" == tooltip.text.splitlines()[0]
    assert browser.ask("return window.caught") is None
    assert [] == browser.driver.find_elements("css selector", "img")


def test_every_boot_can_be_picked(browser: Browser) -> None:
    """From the keyboard, numbered from 1, with its outcome; its marks are those of the boot."""
    run = page_run(KERNELS)
    browser.show(page_of(run))
    picker = browser.find("#boot")

    seen = []
    for boot in run.boots:
        browser.until(partial(picks, browser, f"boot {boot.number} ·"))
        seen.append((picked_title(browser), browser.texts("#picked-marks td")[::4]))
        picker.send_keys(Keys.ARROW_DOWN)

    assert [
        (
            f"boot {boot.number} · reached",
            [f"{mark.time_ns / 1e6:.3f}" for mark in boot.marks],
        )
        for boot in run.boots[:-1]
    ] == seen[:-1]
    assert (f"boot 8 · timeout · stuck {EVIL}", []) == seen[-1]


_PICK = """
for (const value of arguments[0]) {
  const picker = document.getElementById("boot");
  picker.value = value;
  picker.dispatchEvent(new Event("change"));
}
"""
_SO_LONG_A_SLOW_ONE_TAKES_S = 1.0
_RESIZERS = """
window.resizers = 0;
const add = window.addEventListener, remove = window.removeEventListener;
window.addEventListener = function (type, ...more) {
  window.resizers += type === "resize";
  return add.call(this, type, ...more);
};
window.removeEventListener = function (type, ...more) {
  window.resizers -= type === "resize";
  return remove.call(this, type, ...more);
};
"""
"""Counts who listens: a chart does as long as it is not ended."""


@pytest.mark.parametrize(
    ("picked", "kernel"),
    [(["0:0", "0:7"], []), (["0:7", "0:6"], ["kernel: 400.000 ms"]), (["0:6", "0:0"], ["kernel: 100.000 ms"])],
)  # fmt: skip
def test_the_last_pick_is_shown(picked: list[str], kernel: list[str], browser: Browser) -> None:
    """However fast one follows the other; the eighth boot has nothing to draw."""
    browser.show(page_of(page_run(KERNELS)))

    browser.driver.execute_script(_PICK, picked)
    browser.until_drawn()
    time.sleep(_SO_LONG_A_SLOW_ONE_TAKES_S)  # nothing tells of a chart that should not come

    told = [text for text in browser.texts("#picked text") if text.startswith("kernel:")]
    assert kernel == told
    assert f"boot {int(picked[-1][2:]) + 1} ·" in picked_title(browser)


def test_a_chart_that_is_gone_is_ended(browser: Browser) -> None:
    """What it listened for, a window of another width, nobody listens for then."""
    watch = browser.tell("Page.addScriptToEvaluateOnNewDocument", source=_RESIZERS)
    try:
        browser.show(page_of(page_run(KERNELS)))
    finally:
        browser.tell("Page.removeScriptToEvaluateOnNewDocument", **watch)
    before = browser.ask("return window.resizers")

    for place in (1, 2, 3):
        browser.driver.execute_script(_PICK, [f"0:{place}"])
        browser.until_drawn()

    assert (True, before) == (before > 0, browser.ask("return window.resizers"))


def test_a_click_on_a_point_shows_its_boot(browser: Browser) -> None:
    """The far outlier is the only diamond."""
    browser.show(page_of(page_run(KERNELS)))
    chart = next(
        each
        for each in browser.driver.find_elements("css selector", "#spread .chart")
        if "kernel (ms)" in str(each.get_property("textContent"))
    )
    points = chart.find_elements("css selector", ".mark-symbol path")
    browser.ask("document.getElementById('spread').scrollIntoView()")

    rightmost = max(points, key=lambda point: point.rect["x"])
    rightmost.click()

    browser.until(partial(picks, browser, "boot 7"))
    assert "boot 7 · reached" == picked_title(browser)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [_PHONE, _DESK])
def test_the_page_fits_a_phone_and_a_desk(width: int, scheme: str, browser: Browser) -> None:
    """Nothing but tables, which scroll by themselves, is wider than the window; the ground is as asked."""
    browser.show(pair(), width=width, scheme=scheme)

    assert 0 >= browser.ask(_OVERFLOW)
    ground = browser.ask("return getComputedStyle(document.body).backgroundColor")
    assert {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}[scheme] == ground
    charts = browser.ask(
        "return [...document.querySelectorAll('.chart svg')].map(s => s.getBoundingClientRect().right)"
    )
    assert width >= max(charts)


_AT_AN_EDGE = [113.6, 98.6, 168.9, 150.1, 197.8, 130.8, 117.4, 187.5, 83.9, 90.6, 88.8, 82.4]
"""Kernels, in ms, of which the axis ends at a round number."""


@pytest.mark.parametrize("width", [_PHONE, 420, 460, 500])
def test_the_ends_of_an_axis_are_not_cut(width: int, browser: Browser) -> None:
    """Its numbers stay below it, and what is above it stays in its place."""
    browser.show(page_of(page_run(_AT_AN_EDGE)), width=width)

    assert [] == browser.ask(_BEYOND)


@pytest.mark.parametrize("name", PAGES)
def test_no_chart_is_cut_on_a_phone(name: str, browser: Browser) -> None:
    """No word of one reaches beyond it, however long a guest's names are."""
    browser.show(PAGES[name](), width=_PHONE)

    assert [] == browser.ask(_BEYOND)


def test_numbers_can_be_read_without_scripts(browser: Browser) -> None:
    """The tables are in the page, in the order of --json."""
    browser.tell("Emulation.setScriptExecutionDisabled", value=True)
    try:
        file = browser.directory / "page.html"
        file.write_text(str(page_of(page_run(KERNELS))), encoding="utf-8")
        browser.driver.get(file.as_uri())
        names = browser.texts("#r0 table")[0].split("\n")
    finally:
        browser.tell("Emulation.setScriptExecutionDisabled", value=False)

    assert any("kernel" in name and "112.000" in name for name in names)


def test_it_can_be_printed(browser: Browser) -> None:
    """On paper it is light, and what was folded is open."""
    browser.show(page_of(page_run(KERNELS)), scheme="dark")

    paper = base64.b64decode(browser.tell("Page.printToPDF")["data"])

    assert b"%PDF" == paper[:4]
    assert [] == browser.driver.find_elements("css selector", "details:not([open])")
    browser.tell("Emulation.setEmulatedMedia", media="print")
    ground = browser.ask("return getComputedStyle(document.body).backgroundColor")
    browser.tell("Emulation.setEmulatedMedia", media="")
    assert "rgb(255, 255, 255)" == ground


def test_a_page_of_200_boots_is_light(browser: Browser) -> None:
    """At most 2 MB, library and all; it is drawn."""
    content = page_of(page_run([100 + i % 37 + i % 11 / 7 for i in range(200)]))

    browser.show(content)

    assert len(content.encode() if isinstance(content, str) else content) <= 2_000_000
    assert 201 == browser.ask("return document.getElementById('boot').options.length")


def test_a_page_of_10000_boots_can_be_used(browser: Browser) -> None:
    """Every boot can be picked, and is shown."""
    browser.show(page_of(page_run([100 + i % 997 / 7 for i in range(10_000)])))

    browser.ask("const s = document.getElementById('boot'); s.value = '0:9998';"
                "s.dispatchEvent(new Event('change'))")  # fmt: skip

    assert 10_001 == browser.ask("return document.getElementById('boot').options.length")
    assert "boot 9999 · reached" == picked_title(browser)


# --- a real run -------------------------------------------------------------------------------


def test_the_numbers_of_a_real_run_are_those_of_json(kvm: str, world: World) -> None:
    """Phases, parts, marks and exits of a firmware that leaves the guest, to the nanosecond."""
    probe = perf_event.probe()
    require(probe.ok, probe.what)
    bios = world.directory / "exits.bin"
    bios.write_bytes(exit_guest.image())
    command = (*tiny_qemu(bios, accelerator=kvm), *exit_guest.DEVICES)
    measured = world.run(
        *("-n", "8", "--profile-boots", "2", "--source", "perf_event"), "--", *command
    )
    assert 0 == measured.status, measured.stderr

    done = world.qbt("report", str(world.runs[-1]), "--html", "-")

    page = Page.of(done.stdout)
    assert numbers_of_json(measured.document) == numbers_of_page(page)
    assert all(table for table in numbers_of_page(page).values())
    assert all(phase["words"] in page.text for phase in measured.document["profile"]["phases"])
