"""A site with some of everything, in the browser of this machine; only where that is asked for (``make test-site``)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import browser as started

WANTED = os.environ.get("QHPC_TEST_BROWSER") == "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if WANTED and shutil.which("chromium"):
        return
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="wants a browser: make test-site"))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from harness.report.site import build
    from tests.harness.publication import stores

    store = stores.everything(tmp_path_factory.mktemp("results"))
    return build(store, tmp_path_factory.mktemp("site")).index.parent


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    with started() as running:
        yield running
