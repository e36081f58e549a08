"""Ctrl-C, SIGTERM and SIGHUP as an orderly end: the repeat in flight is recorded as cancelled, the pilots are closed.

The first signal raises `Interrupted`, but only inside `Interruption.allowed`, so that it can never split a record that
is being written or a pilot that is being closed. The second one ends the process at once; the workers of its pilots
notice that by themselves.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, Self, final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SHOW_CURSOR: Final = "\x1b[?25h"


class Interrupted(KeyboardInterrupt):
    """The user, the system or the batch scheduler wants this process to end."""


@final
class Interruption:
    """Takes the signals while its ``with`` block lasts; works in the main thread, elsewhere it does nothing.

    Attributes
    ----------
    signal
        The signal that came; None as long as none has come.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._allowed = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        """Take the signals; one that is ignored (``nohup``) stays ignored."""
        for number in _SIGNALS:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                try:
                    self._before[number] = signal.signal(number, self._receive)
                except ValueError:  # not the main thread
                    break
        return self

    def __exit__(self, *_error: object) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def exit_code(self) -> int | None:
        """128 + signal number, as shells count; None without a signal."""
        return None if self.signal is None else 128 + self.signal

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Let a signal interrupt this block by raising `Interrupted`; one that came before does so at once."""
        try:
            self._allowed = True
            if self.signal is not None:
                raise Interrupted(self.signal.name)
            yield
        finally:
            self._allowed = False

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        if self.signal is not None:
            if sys.stderr.isatty():
                os.write(2, _SHOW_CURSOR.encode())  # the progress bar has hidden it
            os._exit(128 + number)
        self.signal = signal.Signals(number)
        if self._allowed:
            self._allowed = False
            raise Interrupted(self.signal.name)
