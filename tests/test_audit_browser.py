"""The HTML report in a real browser: Debian's Chromium, headless, driven by playwright; it downloads none.

Nothing here waits for a time: playwright waits for what the page shows.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cfclient.audit import RULES, Finding, Severity, Tally, ZoneAudit
from cfclient.audit.report import HtmlReport
from cfclient.harmless import harmless

pytestmark = pytest.mark.slow

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is installed with Python 3.11 only")
axe_playwright = pytest.importorskip("axe_playwright_python.sync_playwright")

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HOSTILE = '</script><script>window.hit=1</script><img src=x onerror="window.hit=1"> "\'\u202e&lt;b&gt; {{7*7}}'


def report(path: Path, number: int, *, hostile: bool = False) -> list[ZoneAudit]:
    """A report over so many zones with the project's own rules, the same for the same number."""
    choose = random.Random(number)
    zones: list[ZoneAudit] = []
    for index in range(number):
        name = f"zone-{index:04}.example"
        found = sorted(choose.sample(RULES, choose.choice([0, 0, 1, 2, 5])), key=lambda rule: -rule.severity.rank)
        zones.append(
            ZoneAudit(
                zone=name,
                findings=tuple(
                    Finding(
                        rule=rule.id,
                        severity=rule.severity,
                        zone=name,
                        message=HOSTILE if hostile else f"{rule.title}, seen at www.{name}",
                        records=(f"www.{name}",),
                    )
                    for rule in found
                ),
                not_checked=(("mx-to-address", "the service did not say"),) if index % 9 == 0 else (),
            )
        )
    zones.append(ZoneAudit(zone="gone.example", failure=HOSTILE if hostile else "Invalid zone."))
    tally = Tally(len(zones))
    with path.open("w", encoding="utf-8") as stream:
        page = HtmlReport(stream)
        for zone in zones:
            page.zone(zone)
            tally.add(zone)
        page.finish(tally.summary)
    return zones


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One Chromium for all tests here."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium on the PATH")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


Open = Callable[..., Any]


@pytest.fixture
def page_of(browser: Any) -> Iterator[Open]:
    """Opens a report; at the end nothing was complained of, and nothing but the file was asked for."""
    contexts, told, asked = [], [], []

    def page_of(path: Path, **options: Any) -> Any:
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        return page

    yield page_of
    for context in contexts:
        context.close()
    assert told == []
    assert {"file"} == {url.partition(":")[0] for url in asked}
    assert len(asked) == len(contexts)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[ZoneAudit]]:
    """A report over 25 zones."""
    path = tmp_path_factory.mktemp("small") / "report.html"
    return path, report(path, 25)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[ZoneAudit]]:
    """A report over 2,000 zones."""
    path = tmp_path_factory.mktemp("large") / "report.html"
    return path, report(path, 2000)


def findings_of(zones: list[ZoneAudit]) -> list[Finding]:
    return [finding for zone in zones for finding in zone.findings]


def column(page: Any, number: int) -> list[str]:
    """The texts of a column of the findings that are shown."""
    return list(page.locator(f"#findings-rows td:nth-child({number})").all_inner_texts())


def test_it_opens_with_the_worst_first(page_of: Open, small: tuple[Path, list[ZoneAudit]]) -> None:
    """All of them counted, a page of them shown, the zone that was not read named."""
    path, zones = small
    findings = findings_of(zones)

    page = page_of(path)

    levels = [severity.value for severity in reversed(Severity)]
    shown = column(page, 1)
    assert sorted(shown, key=levels.index) == shown
    assert min(50, len(findings)) == len(shown)
    assert f"{len(findings)} of {len(findings)} findings" == page.locator("#findings-count").inner_text()
    assert ["gone.example", "Invalid zone."] == page.locator("#failures td").all_inner_texts()
    assert page.locator("#heat-rows tr").count() == 25


def test_words_and_severities_filter(page_of: Open, small: tuple[Path, list[ZoneAudit]]) -> None:
    """Together; what is chosen is said, and one button undoes it."""
    path, zones = small
    findings = findings_of(zones)
    zone = next(zone.zone for zone in zones if len(zone.findings) > 1)

    page = page_of(path)
    page.locator("#words").fill(f"WWW.{zone}")
    by_words = column(page, 2)
    page.locator("#clear").click()
    page.locator(".levels label.medium").click()
    without_medium = page.locator("#findings-count").inner_text()
    page.locator("#words").fill("no such words")
    empty = page.locator("#findings-none").is_visible()

    assert [zone] * sum(finding.zone == zone for finding in findings) == by_words
    rest = sum(finding.severity is not Severity.MEDIUM for finding in findings)
    assert f"{rest} of {len(findings)} findings" == without_medium
    assert empty


def test_columns_sort_both_ways(page_of: Open, small: tuple[Path, list[ZoneAudit]]) -> None:
    """And say so to a screen reader."""
    path, _ = small

    page = page_of(path)
    head = page.locator("th[data-key=zone]")
    head.get_by_role("button").click()
    ascending, up = column(page, 2), head.get_attribute("aria-sort")
    head.get_by_role("button").click()
    descending, down = column(page, 2), head.get_attribute("aria-sort")

    assert sorted(ascending) == ascending != sorted(descending, reverse=True) == descending
    assert ("ascending", "descending") == (up, down)


def test_everything_is_reached_by_keyboard(page_of: Open, small: tuple[Path, list[ZoneAudit]]) -> None:
    """The way past the map is the first stop; keys filter, sort, and open a rule."""
    path, zones = small
    findings = findings_of(zones)

    page = page_of(path)
    page.keyboard.press("Tab")
    first = page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Enter")
    page.locator("#words").focus()
    page.keyboard.type(findings[0].zone)
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.parentElement.dataset.key") == "rule":
            break
    page.keyboard.press("Enter")
    sorted_by = page.locator("th[aria-sort]").get_attribute("data-key")
    link = page.locator("#findings-rows a").first
    link.focus()
    page.keyboard.press("Enter")

    assert "Skip to the findings" == first
    assert "rule" == sorted_by
    assert {findings[0].zone} == set(column(page, 2))
    assert page.locator(str(link.get_attribute("href"))).get_attribute("open") is not None


def test_the_map_leads_to_findings(page_of: Open, small: tuple[Path, list[ZoneAudit]]) -> None:
    """A mark stands where a rule found something; it, a zone and a rule each choose their findings."""
    path, zones = small
    findings = findings_of(zones)
    rules = {finding.rule for finding in findings}

    page = page_of(path)
    heads = page.locator("#heat-table thead button").all_inner_texts()[1:]
    marks = page.evaluate(
        """() => [...document.querySelectorAll("#heat-rows tr")].flatMap((row) => [...row.children].slice(2)
            .flatMap((cell, index) => cell.firstChild ? [[row.children[0].textContent, index]] : []))"""
    )
    page.locator("#heat-rows .cell").first.click()
    by_mark = set(zip(column(page, 2), column(page, 4), strict=True))
    page.locator("#heat-table thead button").nth(1).click()
    by_rule = set(column(page, 4))

    assert rules == set(heads)
    assert {(finding.zone, finding.rule) for finding in findings} == {(zone, heads[index]) for zone, index in marks}
    assert {(marks[0][0], heads[marks[0][1]])} == by_mark
    assert {heads[0]} == by_rule


def test_two_thousand_zones_stay_usable(page_of: Open, large: tuple[Path, list[ZoneAudit]]) -> None:
    """A page at a time: what is not shown costs nothing, and is found all the same."""
    path, zones = large
    findings = findings_of(zones)

    page = page_of(path)
    elements = page.evaluate("document.querySelectorAll('*').length")
    where = page.locator("#heat-where").inner_text()
    page.locator("#heat-next").click()
    page.locator("#heat-words").fill("zone-1999")
    page.locator("#words").fill(findings[-1].zone)

    assert elements < 10_000
    assert "1 to 25 of 2,000 zones" == where
    assert ["zone-1999.example"] == page.locator("#heat-rows th").all_inner_texts()
    assert {findings[-1].zone} == set(column(page, 2))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_follows_the_system_until_one_is_chosen(
    page_of: Open, small: tuple[Path, list[ZoneAudit]], scheme: str
) -> None:
    """And the charts follow the theme."""
    path, _ = small
    other = "dark" if scheme == "light" else "light"
    colours = """() => [[document.body, "background-color"], [document.querySelector(".chart text"), "fill"]].map(
        ([element, name]) => getComputedStyle(element).getPropertyValue(name))"""

    page = page_of(path, color_scheme=scheme)
    before = page.evaluate(colours)
    page.locator(f"input[name=theme][value={other}]").check()
    after = page.evaluate(colours)
    light = page_of(path, color_scheme="light").evaluate(colours)

    assert before[0] != after[0]
    assert before[1] != after[1]
    assert light == (before if scheme == "light" else after)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("which", ["small", "large"])
def test_axe_finds_nothing_serious(page_of: Open, request: pytest.FixtureRequest, which: str, scheme: str) -> None:
    """In both themes, with every rule open; names, roles, contrast and more."""
    path, _ = request.getfixturevalue(which)

    page = page_of(path, color_scheme=scheme)
    page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
    result = axe_playwright.Axe().run(page).response

    assert len(result["passes"]) > 20
    assert [] == [
        (violation["id"], violation["impact"], [node["html"][:200] for node in violation["nodes"][:2]])
        for violation in result["violations"]
    ]


def test_a_phone_needs_no_sideways_scrolling(page_of: Open, large: tuple[Path, list[ZoneAudit]]) -> None:
    """Only the map scrolls, inside of itself; the list keeps its table's roles."""
    path, _ = large

    page = page_of(path, viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True)

    assert [360, 360] == page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert page.get_by_role("table", name="Findings").get_by_role("row").count() == 50 + 1
    assert page.locator(".chart.narrow").first.is_visible()


def test_paper_shows_all_that_is_chosen(page_of: Open, large: tuple[Path, list[ZoneAudit]], tmp_path: Path) -> None:
    """Every finding that the filters let through, every rule open, no control, on white; then the page is as before."""
    path, zones = large
    findings = findings_of(zones)
    rule = findings[0].rule
    count = "['#findings-rows tr', 'details:not([open])'].map((found) => document.querySelectorAll(found).length)"

    page = page_of(path, color_scheme="dark")
    page.locator("#rule-choice").select_option(rule)
    page.evaluate(f"addEventListener('beforeprint', () => {{ window.printed = {count}; }})")
    before = page.evaluate(count)
    page.pdf(path=tmp_path / "report.pdf")
    page.emulate_media(media="print")

    assert [sum(finding.rule == rule for finding in findings), 0] == page.evaluate("window.printed")
    assert before == page.evaluate(count)
    assert not page.locator(".themes").is_visible()
    assert "rgb(255, 255, 255)" == page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


def test_hostile_records_do_nothing(page_of: Open, tmp_path: Path) -> None:
    """They are read as text, everywhere on the page."""
    path = tmp_path / "report.html"
    report(path, 25, hostile=True)

    page = page_of(path)

    assert harmless(HOSTILE) == page.locator("#findings-rows .what bdi").first.inner_text()
    assert harmless(HOSTILE) == page.locator("#failures td").nth(1).inner_text()
    assert page.evaluate("window.hit") is None
    assert page.locator("img").count() == 0


def test_the_policy_stops_what_the_escaping_would_let_through(
    browser: Any, small: tuple[Path, list[ZoneAudit]], tmp_path: Path
) -> None:
    """A script that got onto the page all the same does not run, and loads nothing."""
    path, _ = small
    broken = tmp_path / "broken.html"
    attack = "<script>window.hit=1</script><img src='http://127.0.0.1:9/' onerror='window.hit=1'></main>"
    broken.write_text(path.read_text().replace("</main>", attack))
    context = browser.new_context()
    page, told = context.new_page(), []
    page.on("console", lambda message: told.append(message.text))

    page.goto(broken.as_uri())

    assert page.evaluate("window.hit") is None
    assert 2 <= len([text for text in told if "Content Security Policy" in text])
    context.close()
