"""Values and exceptions that pickle badly, as users' libraries have them."""

from __future__ import annotations

import sys
import threading
from typing import Any, NoReturn


class Locked(Exception):
    """Cannot be pickled: it carries a lock."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.lock = threading.Lock()


class TwoPart(Exception):
    """Pickles, but cannot be rebuilt: its arguments are not those of its constructor."""

    def __init__(self, left: str, right: str) -> None:
        super().__init__(f"{left} and {right}")


class Impostor(Exception):
    """Is rebuilt as something that is no exception."""

    def __reduce__(self) -> Any:
        return str, ("I was an exception",)


class Sealed(Exception):
    """Refuses every attribute, ``__cause__`` too."""

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"sealed: {name}")


class QuittingError(Exception):
    """Ends the process that rebuilds it, unless that is on guard."""

    def __reduce__(self) -> Any:
        return sys.exit, (9,)


class Quitting:
    """Ends the process that rebuilds it, unless that is on guard."""

    def __reduce__(self) -> Any:
        return sys.exit, (9,)


class BrokenAtHome:
    """Leaves the worker well, and cannot be rebuilt."""

    def __reduce__(self) -> Any:
        return _broken, ()


def _broken() -> NoReturn:
    raise ValueError("cannot be rebuilt here")


class BrokenText(Exception):
    """Cannot even say what it is."""

    def __str__(self) -> NoReturn:
        raise RuntimeError("no text")

    __repr__ = __str__


class OneWay:
    """Is rebuilt as a lock, which cannot be pickled again."""

    def __reduce__(self) -> Any:
        return threading.Lock, ()


def make(name: str) -> Any:
    """Return an instance of a class of this module."""
    return globals()[name]()


def throw(name: str, *args: str) -> NoReturn:
    """Raise an exception of this module."""
    raise globals()[name](*args)


def make_lock() -> Any:
    return threading.Lock()


def make_generator() -> Any:
    return (number for number in range(3))


def no_rebuild_of_argument(_value: object) -> None:
    return None
