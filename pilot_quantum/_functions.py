"""Functions as workers know them: which travel once, which travel with each call, and what was learned about them.

A function of an importable module travels by name, once for each worker. A function that travels by value (of
``__main__``, a lambda, a closure) is captured when it is submitted, and sent once for each worker as long as nothing it
refers to has changed; so does an object whose class says ``never_changes = True``. Any other callable (bound method,
partial, object) has state of its own, so it is captured anew with each call, and each task gets its own copy.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from .worker import SCALARS, dumps

_KEPT = 4096
"""Functions remembered at a time."""


class TaskFunction:
    """A function on the wire, and what was learned about it.

    Attributes
    ----------
    number
        Identity on the wire.
    name
        Label in traces.
    blob
        The pickled function.
    mean_s
        Moving average of its run time on a worker, in seconds; None before the first observation.
    seen
        Tasks observed so far.
    """

    __slots__ = ("blob", "mean_s", "name", "number", "seen")
    _numbers = itertools.count()

    def __init__(self, function: Callable[..., Any], name: str, blob: bytes | None = None) -> None:
        self.number = next(self._numbers)
        self.name = name
        self.blob = dumps(function) if blob is None else blob
        self.mean_s: float | None = None
        self.seen = 0

    def learn(self, tasks: int, seconds: float) -> None:
        """Take in that ``tasks`` tasks took ``seconds`` in all on one worker."""
        mean = seconds / tasks
        self.mean_s = mean if self.mean_s is None else 0.7 * self.mean_s + 0.3 * mean
        self.seen += tasks


class FunctionTable:
    """The functions of one manager."""

    def __init__(self) -> None:
        self._by_name: dict[Any, TaskFunction] = {}
        self._by_value: dict[FunctionType, tuple[list[Any] | None, TaskFunction]] = {}
        self._by_blob: dict[bytes, TaskFunction] = {}
        self._carriers: dict[Any, TaskFunction] = {}

    def find(self, function: Callable[..., Any]) -> tuple[TaskFunction, bool]:
        """Return a function as workers know it, and whether the callable itself has to travel with each call."""
        kind = type(function)
        if kind is FunctionType or kind is BuiltinFunctionType or kind is type:
            known = self._by_name.get(function)
            if known is not None:
                return known, False
            if _has_name(function):
                _make_room(self._by_name)
                return self._by_name.setdefault(function, TaskFunction(function, _label(function))), False
        if isinstance(function, FunctionType):
            return self._find_by_value(function), False
        if getattr(kind, "never_changes", False):
            return self._find_by_blob(function), False
        return self._find_carrier(function), True

    def _find_by_value(self, function: FunctionType) -> TaskFunction:
        captured, known = self._by_value.get(function, (None, None))
        if known is not None and captured is _NOTHING:
            return known
        refers_to = _NOTHING if _stands_alone(function) else _references(function)
        if known is not None and captured is not None and refers_to is not None and _same(captured, refers_to):
            return known
        found = self._find_by_blob(function)
        _make_room(self._by_value)
        self._by_value[function] = (refers_to, found)
        return found

    def _find_by_blob(self, function: Callable[..., Any]) -> TaskFunction:
        blob = dumps(function)
        _make_room(self._by_blob)
        return self._by_blob.get(blob) or self._by_blob.setdefault(blob, TaskFunction(function, _label(function), blob))

    def _find_carrier(self, function: Callable[..., Any]) -> TaskFunction:
        key = getattr(function, "__func__", (type(function), _label(function)))
        known = self._carriers.get(key)
        if known is None:
            _make_room(self._carriers)
            known = self._carriers.setdefault(key, TaskFunction(call_carried, _label(function)))
        return known


def call_carried(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a callable that travelled with its arguments; worker side."""
    return function(*args, **kwargs)


def _label(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def _make_room(table: dict[Any, Any]) -> None:
    if len(table) >= _KEPT:
        table.clear()


def _has_name(function: Any) -> bool:
    """Return whether this is a function or class, and a worker can import the very same one."""
    if not isinstance(function, (FunctionType, BuiltinFunctionType, type)):
        return False
    if isinstance(getattr(function, "__self__", None), (type(None), ModuleType)):
        found: Any = sys.modules.get(function.__module__ or "builtins")
        if found is None or function.__module__ == "__main__":
            return False
        for part in function.__qualname__.split("."):
            found = getattr(found, part, None)
        return found is function
    return False


_NOTHING: list[Any] = []


def _stands_alone(function: FunctionType) -> bool:
    """Return whether a function refers to nothing but its arguments."""
    code = function.__code__
    nested = any(hasattr(constant, "co_names") for constant in code.co_consts)
    return not (
        function.__dict__
        or code.co_names
        or function.__closure__
        or function.__defaults__
        or function.__kwdefaults__
        or nested
    )


def _references(function: FunctionType) -> list[Any] | None:
    """Return all that a function refers to outside itself; None if any of it could change in place."""
    found: list[Any] = []
    todo, seen = [function], {id(function)}
    while todo:
        current = todo.pop()
        cells = [cell.cell_contents for cell in current.__closure__ or () if _filled(cell)]
        names = [name for name in current.__code__.co_names if name in current.__globals__]
        defaults = [*(current.__defaults__ or ()), *(current.__kwdefaults__ or {}).values()]
        for value in [*cells, *(current.__globals__[name] for name in names), *defaults]:
            found.append(value)
            if isinstance(value, FunctionType) and not _has_name(value):
                if id(value) not in seen:
                    seen.add(id(value))
                    todo.append(value)
            elif not (type(value) in SCALARS or isinstance(value, ModuleType) or _has_name(value)):
                return None
        if current.__dict__ or any(hasattr(constant, "co_names") for constant in current.__code__.co_consts):
            return None  # attributes travel too, and nested functions may refer to globals of their own
    return found


def _filled(cell: Any) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True


def _same(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))
