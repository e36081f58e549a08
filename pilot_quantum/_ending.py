"""Giving a pilot's resources back: all of them, whatever one of them raises."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack

_log = logging.getLogger(__name__)


def give_back(pilot: str, *steps: Callable[[], object]) -> None:
    """Call every step in order, also after one that raises; errors are logged, for nobody waits for them."""
    try:
        with ExitStack() as stack:
            for step in reversed(steps):
                stack.callback(step)
    except Exception:  # noqa: BLE001 - an engine's library may raise anything; the pilot is gone all the same
        _log.exception("pilot %r could not give everything back in order", pilot)
