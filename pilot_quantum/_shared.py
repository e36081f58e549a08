"""Values that many tasks need: sent to each worker once. Both sides."""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable
from typing import Any

_values: dict[int, Any] = {}
"""Worker side: the values this process has received, by number."""

_captured = threading.local()


class Shared:
    """A value that was handed to `PilotManager.share`; pass it as an argument, and tasks receive the value itself.

    Tasks of one worker receive the same object: treat it as read-only. When the last reference to the handle is gone,
    and no task needs it any more, workers drop the value.
    """

    __slots__ = ("__weakref__", "blob", "number")
    _numbers = itertools.count()

    def __init__(self, blob: bytes, dropped: Callable[[int], None]) -> None:
        self.number = next(self._numbers)
        self.blob = blob
        weakref.finalize(self, dropped, self.number).atexit = False

    def __repr__(self) -> str:
        """Return number and size."""
        return f"<Shared {self.number}, {len(self.blob)} bytes>"

    def __reduce__(self) -> tuple[Callable[[int], Any], tuple[int]]:
        """Travel as a number."""
        handles = getattr(_captured, "handles", None)
        if handles is not None:
            handles.append(self)
        return received, (self.number,)


class SharingCall(bytes):
    """A pickled call that refers to shared values, and keeps them alive until it has run.

    Attributes
    ----------
    handles
        The shared values it refers to.
    """

    handles: tuple[Shared, ...]


def capture(pack: Callable[[Any], bytes], value: Any) -> bytes:
    """Pickle a call with ``pack``; the result says to which shared values it refers."""
    handles: list[Shared] = []
    _captured.handles = handles
    try:
        data = pack(value)
    finally:
        _captured.handles = None
    if not handles:
        return data
    call = SharingCall(data)
    call.handles = tuple(handles)
    return call


def received(number: int) -> Any:
    """Return a value that this worker has received."""
    return _values[number]


def receive(values: dict[int, Any], dropped: list[int]) -> None:
    """Take in new values and drop those that nobody needs any more."""
    for number in dropped:
        _values.pop(number, None)
    _values.update(values)
