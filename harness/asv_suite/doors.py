"""Doors of the commit under test, of which an old one may lack some."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def attributes(module: str, *names: str) -> list[Any]:
    """Return attributes of a module; what the commit lacks is shown as n/a."""
    try:
        found = import_module(module)
        return [getattr(found, name) for name in names]
    except (ImportError, AttributeError) as error:
        raise NotImplementedError from error
