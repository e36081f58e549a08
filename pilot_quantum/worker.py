"""The far side: runs the tasks of a message and packs what they returned.

Worker side; no engine, no manager. Every engine calls `run_message` with the bytes that the manager packed; its answer
is bytes again. This module has the one broad ``except`` of the runtime: whatever a task raises travels back.

Wire format (pickle protocol 5), driver to worker: ``(forget, functions, shared, function_id, calls, hand_back_s,
ranks, ticket)``. ``functions`` are ``(id, pickled function)`` that this worker has not seen, ``shared`` is None or the
shared values it has not seen and the numbers of those nobody needs any more, a call is either the tuple of positional
arguments (only immutable scalars) or the pickled ``(args, kwargs)``, ``ranks`` is None or the `Ranks` of the one
call, and ``ticket`` is None or what gives the function its ``device``. Worker to driver: see `Answer`.
"""

from __future__ import annotations

import pickle
import resource
import time
import traceback
from array import array
from collections.abc import Callable
from typing import Any, NamedTuple

from ._shared import receive

SCALARS: frozenset[type] = frozenset({int, float, str, bool, bytes, complex, type(None)})
"""Immutable types whose values may share one pickle: nobody can tell a shared one from a copy."""
SMALL: frozenset[type] = SCALARS - {str, bytes}
"""Those of them whose values are small."""

Call = tuple[Any, ...] | bytes
Functions = dict[int, Callable[..., Any]]


class Ranks(NamedTuple):
    """What a rank of a gang knows about itself; the function receives it as ``ranks=``.

    Attributes
    ----------
    rank, size
        This rank, from 0, and the number of ranks.
    local_rank
        Position among the ranks on this host.
    coordinator
        ``host:port`` on rank 0's host that was free when the gang started, as ``jax.distributed`` wants it.
    deadline_s
        Seconds from the start after which the gang is stopped; None means no limit.
    communicator
        The mpi4py communicator on the engine ``mpi``; None on the others.
    """

    rank: int
    size: int
    local_rank: int
    coordinator: str
    deadline_s: float | None = None
    communicator: Any = None


class Answer(NamedTuple):
    """What a worker says about a message.

    Attributes
    ----------
    values
        Results in order; when ``packed``, each is pickled on its own.
    errors
        By position: the pickled exception (None if it cannot travel), its type and text, and its traceback.
    times
        Start and end of each task, seconds of the worker's monotonic clock, interleaved.
    cpu_s
        CPU seconds this worker used for the message, all threads.
    peak_rss
        Largest resident set of the worker process so far, in bytes.
    """

    values: list[Any]
    packed: bool
    errors: dict[int, tuple[bytes | None, str, str]]
    times: array[float]
    cpu_s: float
    peak_rss: int


def run_message(
    payload: bytes,
    functions: Functions,
    cpu_clock: Callable[[], float] = time.process_time,
    *,
    join: Callable[[Callable[..., Any], Ranks], Ranks] | None = None,
) -> bytes:
    """Run the tasks of one message and return the pickled `Answer`.

    Parameters
    ----------
    payload
        The message, as packed by the manager.
    functions
        This worker's functions by number; new ones are added.
    cpu_clock
        Clock of the CPU time that belongs to this worker.
    join
        Called for a rank of a gang before its function; returns what the function gets as ``ranks=``. What it raises,
        the task raises.

    Notes
    -----
    Once ``hand_back_s`` seconds have passed, tasks that have not started are left out of the answer, and the manager
    gives them to whoever is free.
    """
    cpu = cpu_clock()
    forget, new, shared, number, calls, hand_back_s, ranks, ticket = pickle.loads(payload)  # noqa: S301 - from our own manager
    if forget:
        functions.clear()
    values: list[Any] = []
    errors: dict[int, tuple[bytes | None, str, str]] = {}
    times: array[float] = array("d")
    try:
        functions.update((key, pickle.loads(blob)) for key, blob in new)  # noqa: S301 - from our own manager
        if shared is not None:
            receive({key: pickle.loads(blob) for key, blob in shared[0].items()}, shared[1])  # noqa: S301 - as above
        function = functions[number]
        if ticket is not None:
            function = ticket.attach(function)
        if ranks is not None and join is not None:
            ranks = join(function, ranks)
    except BaseException as error:  # noqa: BLE001 - a function that cannot be loaded fails its tasks, not the worker
        function = functions[number] = _raiser(error)
    clock = time.monotonic
    stop = clock() + hand_back_s
    for call in calls:
        start = clock()
        try:
            value = _call(function, call) if ranks is None else _call_rank(function, call, ranks)
        except BaseException as error:  # noqa: BLE001 - whatever the task raises is its result
            errors[len(values)] = dump_exception(error)
            value = None
        end = clock()
        times.append(start)
        times.append(end)
        values.append(value)
        if end > stop:
            break
    return _pack(values, errors, times, cpu_clock() - cpu)


def _call(function: Callable[..., Any], call: Call) -> Any:
    if type(call) is tuple:
        return function(*call)
    args, kwargs = pickle.loads(call)  # type: ignore[arg-type]  # noqa: S301 - from our own manager
    return function(*args, **kwargs)


def _call_rank(function: Callable[..., Any], call: Call, ranks: Ranks) -> Any:
    args, kwargs = (call, {}) if type(call) is tuple else pickle.loads(call)  # type: ignore[arg-type]  # noqa: S301
    return function(*args, **kwargs, ranks=ranks)


def _raiser(error: BaseException) -> Callable[..., Any]:
    def cannot_load(*_args: object, **_kwargs: object) -> None:
        raise error

    return cannot_load


def _pack(
    values: list[Any], errors: dict[int, tuple[bytes | None, str, str]], times: array[float], cpu_s: float
) -> bytes:
    packed = not set(map(type, values)) <= SCALARS
    if packed:
        for index, value in enumerate(values):
            try:
                values[index] = dumps(value)
            except BaseException as error:  # noqa: BLE001 - pickling runs user code, which may raise anything
                errors[index] = dump_exception(TypeError(f"the task's result cannot be pickled: {error}"))
                values[index] = _NOTHING
    return pickle.dumps(tuple(Answer(values, packed, errors, times, cpu_s, peak_rss())), 5)


def dumps(value: Any) -> bytes:
    """Pickle by reference where possible; by value (cloudpickle) where not, and for what ``__main__`` defines."""
    try:
        data = pickle.dumps(value, 5)
    except BaseException:  # noqa: BLE001 - whatever pickle could not do, cloudpickle tries; its error is the one to show
        data = b"__main__"
    if b"__main__" in data:
        import cloudpickle

        data = cloudpickle.dumps(value)
    return data


_NOTHING = pickle.dumps(None, 5)


def dump_exception(error: BaseException) -> tuple[bytes | None, str, str]:
    """Return (pickled exception or None, type and text, traceback) of an exception."""
    try:
        text = "".join(traceback.format_exception(error))
        summary = "".join(traceback.format_exception_only(error)).strip()
    except BaseException:  # noqa: BLE001 - formatting runs user code, which may raise anything
        text = summary = type(error).__name__
    try:
        data = dumps(error.with_traceback(None))
        pickle.loads(data)  # noqa: S301 - made one line above; some exceptions pickle but do not unpickle
    except BaseException:  # noqa: BLE001 - an exception that cannot travel is replaced by its text
        return None, summary, text
    return data, summary, text


def peak_rss() -> int:
    """Return the largest resident set of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) * 1024  # Linux counts in KiB
