"""The driver's side of the agents on a pilot's nodes."""

from __future__ import annotations

import contextlib
import itertools
import os
import pickle
import signal as signals
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any, final

from ._agent import Hello, merged
from .base import AbstractAgent, AbstractProcess

Ended = Callable[[int | None], None]
Output = Callable[[bytes], None]


@final
class RemoteProcess(AbstractProcess):
    """A process of a `RemoteAgent`."""

    def __init__(self, agent: RemoteAgent, number: int, ended: Ended, output: Output | None) -> None:
        self._agent = agent
        self._number = number
        self.ended = ended
        self.output = output

    def kill(self, signal: int = signals.SIGKILL) -> None:
        """Have the agent send a signal to the process group."""
        self._agent.tell("signal", self._number, int(signal))


@final
class RemoteAgent(AbstractAgent):
    """An agent that has called.

    Parameters
    ----------
    hello
        What it said first.
    connection
        The way to it.
    ending
        Called when its node is told to end soon.
    """

    def __init__(self, hello: Hello, connection: Connection[Any, Any], ending: Callable[[], None]) -> None:
        self.hello = hello
        self._connection = connection
        self._ending = ending
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._processes: dict[int, RemoteProcess] = {}

    def listen(self) -> None:
        """Pass on what the agent reports until it hangs up; then its node is lost. Called by the door's thread."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                self._take(*pickle.loads(self._connection.recv_bytes()))  # noqa: S301 - from our agent

    def bury(self) -> None:
        """Report all processes of the agent as ended; after it has hung up."""
        with self._lock:
            self.gone = True
            orphans = list(self._processes.values())
            self._processes.clear()
        for process in orphans:
            process.ended(None)

    def hang_up(self) -> None:
        """End the agent, and with it its processes."""
        with (
            contextlib.suppress(OSError),
            socket.socket(fileno=os.dup(self._connection.fileno())) as line,
        ):
            line.shutdown(socket.SHUT_RDWR)  # wakes the thread that listens, which close would not

    def start(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str | None],
        stdin: bytes,
        ended: Ended,
        output: Output | None = None,
    ) -> RemoteProcess:
        """Have the agent start a process."""
        number = next(self._numbers)
        process = RemoteProcess(self, number, ended, output)
        with self._lock:
            gone = self.gone
            if not gone:
                self._processes[number] = process
        if gone:
            ended(None)
        else:
            self.tell("start", number, list(command), dict(environment), stdin, output is not None)
        return process

    def tell(self, *words: Any) -> None:
        """Send something to the agent; a broken line is noticed by `listen`."""
        data = pickle.dumps(words, 5)
        with self._lock, contextlib.suppress(OSError):
            self._connection.send_bytes(data)

    def _take(self, verb: str, *facts: Any) -> None:
        if verb == "ending":
            self._ending()
            return
        number, fact = facts
        process = self._processes.get(number)
        if process is None:
            return
        if verb == "ended":
            self._processes.pop(number, None)
            process.ended(fact)
        elif process.output is not None:
            process.output(fact)


@final
class LocalProcess(AbstractProcess):
    """A process of this machine.

    Attributes
    ----------
    pid
        Its id, and that of its group.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.pid = process.pid

    def kill(self, signal: int = signals.SIGKILL) -> None:
        """Send a signal to the process group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal)


@final
class LocalAgent(AbstractAgent):
    """Starts processes on this machine: the driver runs inside the job itself."""

    def start(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str | None],
        stdin: bytes,
        ended: Ended,
        output: Output | None = None,
    ) -> LocalProcess:
        """Start a process; a thread waits for its end."""
        wanted = None if output is None else subprocess.PIPE
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=wanted,
            stderr=None if output is None else subprocess.STDOUT,
            env=merged(environment),
            start_new_session=True,
        )

        def attend() -> None:
            with contextlib.suppress(OSError), process.stdin as pipe:  # type: ignore[union-attr]  # it is a pipe
                pipe.write(stdin)
            if process.stdout is not None and output is not None:
                with process.stdout as lines:
                    for line in lines:
                        output(line)
            ended(process.wait())

        threading.Thread(target=attend, name="pilot-head", daemon=True).start()
        return LocalProcess(process)
