"""Unpacks what a worker answered, so that nothing of it can stop the driver. Driver side."""

from __future__ import annotations

import pickle
from array import array
from typing import Any, NamedTuple

from .errors import RemoteError, RemoteTraceback
from .worker import Answer


class Decoded(NamedTuple):
    """A worker's answer with values and exceptions as objects; fields as in `worker.Answer`."""

    values: list[Any]
    errors: dict[int, BaseException]
    times: array[float]
    cpu_s: float
    peak_rss: int


def decode(payload: bytes) -> Decoded:
    """Unpickle an answer; a value or exception that cannot be rebuilt here becomes a `RemoteError`."""
    answer = Answer(*pickle.loads(payload))  # noqa: S301 - from our own worker
    errors = {position: _exception(*error) for position, error in answer.errors.items()}
    values = answer.values
    if answer.packed:
        for position, value in enumerate(values):
            if position in errors:
                values[position] = None
                continue
            try:
                values[position] = pickle.loads(value)  # noqa: S301 - from our own worker
            except BaseException as error:  # noqa: BLE001 - unpickling runs user code, which may raise anything
                values[position] = None
                errors[position] = RemoteError(f"the task's result cannot be rebuilt by the driver: {error!r}")
    return Decoded(values, errors, answer.times, answer.cpu_s, answer.peak_rss)


def _exception(data: bytes | None, summary: str, text: str) -> BaseException:
    try:
        if data is None:
            raise TypeError("it could not be pickled")
        rebuilt: object = pickle.loads(data)  # noqa: S301 - from our own worker
        if isinstance(rebuilt, BaseException):
            rebuilt.__cause__ = RemoteTraceback(text)
            return rebuilt
        reason: object = f"it was rebuilt as a {type(rebuilt).__name__}"
    except BaseException as trouble:  # noqa: BLE001 - unpickling runs user code, which may raise anything
        reason = trouble
    error = RemoteError(f"{summary} (as text: {reason})")
    error.__cause__ = RemoteTraceback(text)
    return error
