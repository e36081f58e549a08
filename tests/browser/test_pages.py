"""Every page in a real browser: silent console, nothing loaded from elsewhere, charts drawn, readable for everybody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.report.site import build
from tests.architecture.source import ROOT
from tests.browser.chromium import PHONE, Watched

RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}}
LOOKS = {
    "desktop": {},
    "dark": {"scheme": "dark"},
    "phone": {"viewport": PHONE},
}


@pytest.fixture(name="watched", params=LOOKS)
def _watched(browser: Any, request: pytest.FixtureRequest) -> Iterator[Watched]:
    watched = Watched(browser, **LOOKS[request.param])
    yield watched
    watched.close()


def pages(site: Path) -> list[Path]:
    return [file for file in sorted(site.rglob("*.html")) if "asv" not in file.parts]


def test_pages_load_only_their_own_files_and_say_nothing(watched: Watched, site: Path) -> None:
    for file in pages(site):
        watched.open(file)
    assert watched.troubles == []
    root = site.resolve().as_uri()
    assert [url for url in watched.requests if not url.startswith((root, "data:", "blob:"))] == []
    assert len(watched.requests) > len(pages(site))


def test_every_chart_is_drawn(watched: Watched, site: Path) -> None:
    drawn = 0
    for file in pages(site):
        page = watched.open(file)
        for place in page.query_selector_all(".chart"):
            assert place.get_attribute("data-drawn") == "yes", file
            marks = place.query_selector_all(".scatterlayer path, .barlayer path, .scatterlayer .point")
            assert marks, file
            box = place.bounding_box()
            assert box["width"] > 200, file
            assert box["height"] > 200, file
            drawn += 1
    assert drawn >= 7


def test_every_picture_is_there(browser: Any, site: Path) -> None:
    watched, seen = Watched(browser), 0
    for file in pages(site):
        widths = watched.open(file).evaluate("[...document.images].map(p => [p.naturalWidth, p.getAttribute('width')])")
        assert all(width == int(said) for width, said in widths), file
        seen += len(widths)
    assert seen >= 5
    watched.close()


def test_pages_have_no_barriers(watched: Watched, site: Path) -> None:
    assert barriers(watched, pages(site)) == []


@pytest.mark.timeout(300)
def test_pages_of_the_shipped_results_have_no_barriers(browser: Any, tmp_path: Path) -> None:
    build(ROOT / "results", tmp_path)
    watched = Watched(browser, **LOOKS["dark"])
    first = [file for file in pages(tmp_path) if file.parent == tmp_path]
    others = [file for file in pages(tmp_path) if file not in first]
    assert barriers(watched, [*first, *others[::6]]) == []
    assert watched.troubles == []
    watched.close()


def barriers(watched: Watched, files: list[Path]) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    axe, found = Axe(), []
    for file in files:
        result = axe.run(watched.open(file), options=RULES)
        found += [
            f"{file.name}: {one['id']} ({one['impact']}): {one['nodes'][0]['html'][:200]} | "
            f"{one['nodes'][0].get('failureSummary', '')[:200]}"
            for one in result.response["violations"]
        ]
    return found


def test_nothing_is_wider_than_a_phone(browser: Any, site: Path) -> None:
    watched = Watched(browser, viewport=PHONE)
    for file in pages(site):
        width = watched.open(file).evaluate("document.documentElement.scrollWidth")
        assert width <= PHONE["width"], file
    watched.close()


def test_the_keyboard_reaches_content_and_sorts_tables(browser: Any, site: Path) -> None:
    watched = Watched(browser)
    page = watched.open(site / "campaigns" / "fig11.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#content"
    button = page.query_selector("#cases thead button")
    button.focus()
    page.keyboard.press("Enter")
    head = page.query_selector("#cases thead th")
    assert head.get_attribute("aria-sort") == "ascending"
    first = [row.inner_text() for row in page.query_selector_all("#cases tbody td:first-child")]
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    second = [row.inner_text() for row in page.query_selector_all("#cases tbody td:first-child")]
    assert sorted(first) == sorted(second)
    assert second[0] == first[-1]
    watched.close()


def test_rows_are_filtered_and_counted(browser: Any, site: Path) -> None:
    watched = Watched(browser)
    page = watched.open(site / "figures" / "table3-table3.html")
    box = page.query_selector("#points-box")
    box.fill("published")
    shown = [row for row in page.query_selector_all("#points tbody tr") if row.is_visible()]
    assert len(shown) == 6
    assert page.query_selector("#points-box-count").inner_text().startswith("6 of ")
    watched.close()


def test_a_chart_follows_the_scheme_of_the_system(browser: Any, site: Path) -> None:
    watched = Watched(browser)
    page = watched.open(site / "campaigns" / "fig11.html")

    def ink() -> str:
        return page.evaluate("getComputedStyle(document.querySelector('.chart .xtick text')).fill")

    light = ink()
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"getComputedStyle(document.querySelector('.chart .xtick text')).fill != '{light}'")
    assert ink() != light
    watched.close()
