"""What a page holds, read with the standard library: links, pictures, ids, headings, charts, tables."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any


@dataclass
class Page:
    """Parts of one page."""

    file: Path
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    alts: list[str | None] = field(default_factory=list)
    labels: list[str | None] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    charts: list[dict[str, Any]] = field(default_factory=list)
    header_cells: list[dict[str, str | None]] = field(default_factory=list)
    language: str | None = None
    text: str = ""


class _Reader(HTMLParser):
    def __init__(self, page: Page) -> None:
        super().__init__(convert_charrefs=True)
        self.page, self._chart = page, False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found, page = dict(attrs), self.page
        if "id" in found:
            page.ids.append(str(found["id"]))
        if tag == "html":
            page.language = found.get("lang")
        if tag == "a":
            page.links.append(str(found.get("href")))
        if tag in ("img", "script") and found.get("src"):
            page.loaded.append(str(found["src"]))
        if tag == "link":
            page.loaded.append(str(found.get("href")))
        if tag == "img":
            page.alts.append(found.get("alt"))
        if found.get("role") in ("group", "region"):
            page.labels.append(found.get("aria-label"))
        if tag in ("h1", "h2", "h3"):
            page.headings.append(tag)
        if tag == "th":
            page.header_cells.append(found)
        self._chart = tag == "script" and found.get("type") == "application/json"

    def handle_endtag(self, tag: str) -> None:
        self._chart = self._chart and tag != "script"

    def handle_data(self, data: str) -> None:
        if self._chart:
            self.page.charts.append(json.loads(data))
        else:
            self.page.text += data


def read(file: Path) -> Page:
    """Read one page."""
    page = Page(file)
    _Reader(page).feed(file.read_text("utf-8"))
    return page


def read_all(directory: Path) -> dict[str, Page]:
    """Read every page of a site, by its path."""
    return {file.relative_to(directory).as_posix(): read(file) for file in sorted(directory.rglob("*.html"))}
