"""Long runs with random faults; collected only when they are asked for: ``pytest tests/faults``."""

from __future__ import annotations

from pathlib import Path

import pytest

_HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave this folder out of a run of all tests."""
    asked = [(config.invocation_params.dir / argument.partition("::")[0]).resolve() for argument in config.args]
    return None if any(path.is_relative_to(_HERE) for path in asked) else True


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the size of the run."""
    parser.addoption("--kills", type=int, default=20, help="workers to kill in each long run")
    parser.addoption("--tasks", type=int, default=5000, help="tasks of each long run")
    parser.addoption("--record", default=None, metavar="FILE", help="append what each long run saw, as a line of JSON")
