"""What turns the broker: the machine's time and a thread for each device, or a virtual clock in the caller's thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Protocol, final

from .._loop import EventLoop
from .clock import Clock, RealClock, VirtualClock

Then = Callable[[Any, BaseException | None], None]


class Loop(Protocol):
    """Calls handlers one after the other, never two at a time."""

    clock: Clock

    def post(self, handler: Callable[..., None], *args: Any) -> None:
        """Have ``handler(*args)`` called soon; from any thread."""
        ...

    def after(self, seconds: float, handler: Callable[..., None], *args: Any) -> None:
        """Have ``handler(*args)`` called later; from a handler only."""
        ...

    def effect(self, where: str, work: Callable[[], Any], then: Then) -> None:
        """Do what may block, in order with all of the same ``where``, and have ``then(result, error)`` called."""
        ...

    def close(self, last: Callable[[], None]) -> None:
        """Call ``last`` and no handler after it."""
        ...


def make_loop(clock: Clock | None) -> Loop:
    """Return the loop that fits a clock; None means the machine's."""
    if isinstance(clock, VirtualClock):
        return VirtualLoop(clock)
    return RealLoop(clock if isinstance(clock, RealClock) else RealClock())


@final
class RealLoop:
    """One thread of handlers, and one for the blocking calls to each device."""

    def __init__(self, clock: RealClock) -> None:
        self.clock: Clock = clock
        self._loop = EventLoop()
        self._workers: dict[str, SimpleQueue[tuple[Callable[[], Any], Then] | None]] = {}
        self._loop.start(lambda: True, lambda _error: None)

    def post(self, handler: Callable[..., None], *args: Any) -> None:
        """See `Loop.post`."""
        self._loop.post(handler, *args)

    def after(self, seconds: float, handler: Callable[..., None], *args: Any) -> None:
        """See `Loop.after`."""
        self._loop.after(seconds, handler, *args)

    def effect(self, where: str, work: Callable[[], Any], then: Then) -> None:
        """See `Loop.effect`."""
        if where not in self._workers:
            self._workers[where] = SimpleQueue()
            threading.Thread(target=self._serve, args=(self._workers[where],), name=where, daemon=True).start()
        self._workers[where].put((work, then))

    def close(self, last: Callable[[], None]) -> None:
        """See `Loop.close`; waits for the handlers, not for a device that does not answer."""

        def end() -> None:
            self._loop.stopped = True
            last()

        if not self._loop.stopped:
            self._loop.post(end)
        self._loop.join()
        for queue in self._workers.values():
            queue.put(None)

    def _serve(self, queue: SimpleQueue[tuple[Callable[[], Any], Then] | None]) -> None:
        while (item := queue.get()) is not None:
            work, then = item
            self._loop.post(then, *_outcome(work))


@final
class VirtualLoop:
    """Everything in the caller's thread, at the time of a virtual clock; blocking calls take no time."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock: Clock = clock
        self._clock = clock
        self._closed = False

    def post(self, handler: Callable[..., None], *args: Any) -> None:
        """See `Loop.post`."""
        self.after(0.0, handler, *args)

    def after(self, seconds: float, handler: Callable[..., None], *args: Any) -> None:
        """See `Loop.after`."""
        self._clock.at(self._clock.now() + seconds, lambda: None if self._closed else handler(*args))

    def effect(self, where: str, work: Callable[[], Any], then: Then) -> None:  # noqa: ARG002 - nothing runs beside it
        """See `Loop.effect`."""
        self.post(then, *_outcome(work))

    def close(self, last: Callable[[], None]) -> None:
        """See `Loop.close`."""
        if not self._closed:
            self._closed = True
            last()


def _outcome(work: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    try:
        return work(), None
    except Exception as error:  # noqa: BLE001 - a vendor's library may raise anything; the broker decides what it means
        return None, error
