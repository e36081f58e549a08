"""Headless Chromium through Playwright: the browser of the machine, never a downloaded one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--allow-file-access-from-files"]
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}


@contextmanager
def browser() -> Iterator[Any]:
    """Start the browser and end it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield started
        started.close()


class Watched:
    """A page that notes every request, every error and every message of its console."""

    def __init__(self, browser: Any, *, viewport: dict[str, int] | None = None, scheme: str = "light") -> None:
        self._context = browser.new_context(viewport=viewport or DESKTOP, color_scheme=scheme)
        self.page = self._context.new_page()
        self.requests: list[str] = []
        self.troubles: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("requestfailed", lambda request: self.troubles.append(f"failed: {request.url}"))
        self.page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        self.page.on("console", self._console)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(f"{message.type}: {message.text}")

    def open(self, file: Path) -> Any:
        """Open a page from disk and have it draw every chart."""
        self.page.goto(file.resolve().as_uri(), wait_until="load")
        self.page.evaluate(
            "async () => { for (const place of document.querySelectorAll('.chart')) { place.scrollIntoView();"
            " for (let i = 0; i < 200 && !place.dataset.drawn; i++) await new Promise(r => setTimeout(r, 25)); }"
            " for (const picture of document.images) { picture.scrollIntoView(); await picture.decode(); }"
            " window.scrollTo(0, 0); }"
        )
        return self.page

    def close(self) -> None:
        """Close it."""
        self._context.close()
