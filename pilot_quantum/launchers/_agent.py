"""Main program of a pilot's agent: starts processes on its node for the driver, and ends them with itself. Far side.

Started inside a placeholder job as ``python -m pilot_quantum.launchers._agent ROLE CONTACT``. ROLE is ``node``, one a
node, or ``head``, the batch step, which starts the others with the command it finds in CONTACT. The file CONTACT says
where the driver is and the key it asks for; only its owner can read it.

What is sent, pickled: to the agent ``("start", number, command, environment, stdin, wants_output)`` and ``("signal",
number, signal)``; to the driver ``("output", number, bytes)``, ``("ended", number, code)`` and ``("ending",)``.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from .._door import call

HEAD = "head"


class Hello(NamedTuple):
    """What an agent says first.

    Attributes
    ----------
    role
        ``head`` or ``node``.
    node, number
        Name of the node, and its number among the nodes of the job, from 0.
    address
        Its address, as its name is resolved there.
    cores, memory, gpus
        What the job may use there; memory in bytes, GPUs as indices.
    environment
        Variables of the job that say what else it was given, such as quantum devices.
    """

    role: str
    node: str
    number: int
    address: str
    cores: int
    memory: int
    gpus: tuple[int, ...]
    environment: dict[str, str]


def main() -> None:
    """Serve the driver until it hangs up."""
    role, contact_file = sys.argv[1:]
    contact = json.loads(Path(contact_file).read_text("utf-8"))
    try:
        connection = call(contact["address"], bytes.fromhex(contact["key"]), contact["name"], tuple(hello(role)))
    except (OSError, EOFError, AuthenticationError) as error:
        sys.exit(f"pilot agent on {node_name()}: cannot reach the driver at {contact['address']}: {error}")
    agent = _Agent(connection)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=agent.say, args=("ending",)).start())
    if role == HEAD:
        agent.start(-1, contact["start_agents"], {}, b"", wants_output=False)
    agent.serve()


class _Agent:
    def __init__(self, connection: Connection[Any, Any]) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def serve(self) -> None:
        """Do what the driver says; then end every process that was started."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                verb, number, *rest = pickle.loads(self._connection.recv_bytes())  # noqa: S301 - from our driver
                if verb == "start":
                    command, environment, stdin, wants_output = rest
                    self.start(number, command, environment, stdin, wants_output=wants_output)
                else:
                    self._signal(number, rest[0])
        for number in list(self._children):
            self._signal(number, signal.SIGKILL if number >= 0 else signal.SIGTERM)
        for child in list(self._children.values()):
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(5)
        os._exit(0)

    def say(self, *words: Any) -> None:
        """Tell the driver something; from any thread."""
        with self._lock, contextlib.suppress(OSError):
            self._connection.send_bytes(pickle.dumps(words, 5))

    def start(
        self, number: int, command: list[str], environment: dict[str, str | None], stdin: bytes, *, wants_output: bool
    ) -> None:
        """Start a process; a thread waits for its end."""
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if wants_output else None,
                stderr=subprocess.STDOUT if wants_output else None,
                env=merged(environment),
                start_new_session=True,
            )
        except OSError as error:
            self.say("output", number, f"{command[0]}: {error}\n".encode())
            self.say("ended", number, None)
            return
        self._children[number] = child
        threading.Thread(target=self._attend, args=(number, child, stdin), daemon=True).start()

    def _attend(self, number: int, child: subprocess.Popen[bytes], stdin: bytes) -> None:
        with contextlib.suppress(OSError), child.stdin as pipe:  # type: ignore[union-attr]  # it is a pipe
            pipe.write(stdin)
        if child.stdout is not None:
            for line in child.stdout:
                self.say("output", number, line)
        code = child.wait()
        self._children.pop(number, None)
        self.say("ended", number, code)

    def _signal(self, number: int, what: int) -> None:
        child = self._children.get(number)
        if child is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, what)


def merged(environment: Mapping[str, str | None]) -> dict[str, str]:
    """Return the environment of this process with changes; a variable that is None is taken out."""
    return {name: value for name, value in {**os.environ, **environment}.items() if value is not None}


def hello(role: str) -> Hello:
    """Return what there is to say about this node."""
    name = node_name()
    number = int(os.environ.get("SLURM_NODEID") or os.environ.get("PMI_RANK") or 0)
    return Hello(role, name, number, _address(name), _cores(), _memory(), gpus_of(os.environ), _told_environment())


def node_name() -> str:
    """Return the name of this node: Slurm's, where several may share one host, or the host's."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()


def gpus_of(environment: Any) -> tuple[int, ...]:
    """Return the indices of the GPUs that the batch system gave to this process; names count from 0."""
    text = environment.get("CUDA_VISIBLE_DEVICES") or environment.get("ROCR_VISIBLE_DEVICES") or ""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    return tuple(int(part) for part in parts) if all(map(str.isdigit, parts)) else tuple(range(len(parts)))


def _told_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if "QRMI" in name or name == "SLURM_JOB_LICENSES"}


def _address(name: str) -> str:
    for candidate in (name, socket.gethostname()):
        with contextlib.suppress(OSError):
            return socket.gethostbyname(candidate)
    return "127.0.0.1"


def _cores() -> int:
    told = os.environ.get("SLURM_CPUS_ON_NODE", "")
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(told) if told.isdigit() else usable


def _memory() -> int:
    told = os.environ.get("SLURM_MEM_PER_NODE", "")
    if told.isdigit() and int(told):
        return int(told) * 2**20
    each = os.environ.get("SLURM_MEM_PER_CPU", "")
    if each.isdigit() and int(each):
        return int(each) * 2**20 * _cores()
    for line in Path("/proc/meminfo").read_text("ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 2**10
    return 0


if __name__ == "__main__":
    main()
