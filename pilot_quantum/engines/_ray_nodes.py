"""Nodes of other machines in the Ray cluster of this driver. Driver side."""

from __future__ import annotations

import json
import os
import secrets
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

from ..errors import PilotFailed
from ..launchers.base import AbstractAgent, AbstractProcess, Allocation, Node
from ._ray_token import import_ray
from .base import numerical_environment

ray = import_ray()

_POLL_S: Final = 0.1
_END_S: Final = 5.0
_SIGTERM: Final = 15
_STORE_BYTES: Final = (100 * 2**20, 8 * 2**30)
"""Least and most bytes of a node's object store; messages are small."""


class _Joined(NamedTuple):
    """A node that is part of the cluster: its agent, what runs Ray there and whether that has ended, and its mark."""

    agent: AbstractAgent
    process: AbstractProcess
    ended: threading.Event
    said: list[bytes]
    mark: str


class RayNodes:
    """Starts Ray on the nodes of one pilot, and says how to place an actor on one.

    Parameters
    ----------
    timeout_s
        Seconds until all nodes must have joined.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._joined: dict[str, _Joined] = {}
        self._ids: dict[str, str] = {}

    def start(self, allocation: Allocation) -> None:
        """Start Ray on every node that has an agent, and wait until all have joined.

        Raises
        ------
        PilotFailed
            If one ends or does not join in time; names those that are missing.
        """
        address = ray.get_runtime_context().gcs_address
        for node in allocation.nodes:
            if node.agent is not None:
                self._joined[node.host] = _start(node, node.agent, address)
        ends_s = time.monotonic() + self._timeout_s
        while len(self._ids) < len(self._joined):
            self._look()
            dead = [host for host, joined in self._joined.items() if joined.ended.is_set()]
            missing = sorted(self._joined.keys() - self._ids.keys())
            if dead:
                said = b"".join(self._joined[dead[0]].said).decode(errors="replace").split("\n")
                tail = " | ".join(line.strip() for line in said if line.strip())[-600:]
                raise PilotFailed(f"Ray ended on node {dead[0]}: {tail}")
            if missing and time.monotonic() > ends_s:
                raise PilotFailed(f"Ray: {', '.join(missing)} did not join within {self._timeout_s:g} s")
            time.sleep(_POLL_S)

    def strategy(self, node: Node) -> Any:
        """Return the scheduling strategy that places an actor on a node; None where there is one machine only."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        number = self._ids.get(node.host) if node.agent is not None else None
        if node.agent is None and len(ray.nodes()) > 1:
            number = ray.get_runtime_context().get_node_id()
        return None if number is None else NodeAffinitySchedulingStrategy(number, soft=False)

    def close(self) -> None:
        """End Ray on the nodes."""
        joined, self._joined = list(self._joined.values()), {}
        for one in joined:
            one.process.kill(_SIGTERM)
        ends_s = time.monotonic() + _END_S
        for one in joined:
            if not one.ended.wait(max(0.0, ends_s - time.monotonic())):
                one.process.kill()
        removed = [_remove(one) for one in joined if not one.agent.gone]
        for done in removed:
            done.wait(_END_S)

    def _look(self) -> None:
        marks = {joined.mark: host for host, joined in self._joined.items()}
        for node in ray.nodes():
            if node["Alive"]:
                self._ids |= {marks[mark]: node["NodeID"] for mark in node["Resources"] if mark in marks}


def _start(node: Node, agent: AbstractAgent, address: str) -> _Joined:
    mark = f"pilot-{secrets.token_hex(8)}"
    said: list[bytes] = []
    ended = threading.Event()
    process = agent.start(
        start_command(node, address, mark),
        environment=node_environment(),
        stdin=b"",
        ended=lambda _code: ended.set(),
        output=said.append,
    )
    return _Joined(agent, process, ended, said, mark)


def _remove(joined: _Joined) -> threading.Event:
    """Remove what Ray has left on a node; the event tells that it is done."""
    done = threading.Event()
    command = ["rm", "-rf", "--", _directory(joined.mark)]
    joined.agent.start(command, environment={}, stdin=b"", ended=lambda _code: done.set(), output=_ignore)
    return done


def _directory(mark: str) -> str:
    """Return Ray's directory on a node: short, as sockets lie in it."""
    return f"/tmp/pq-{mark[-8:]}"  # noqa: S108 - made for us alone (0700), or the start fails


def start_command(node: Node, address: str, mark: str) -> list[str]:
    """Return the command that makes a node part of a cluster and stays until the node leaves it.

    Ray opens its own directory to everybody, so it lies in one that is ours alone.

    Parameters
    ----------
    node
        The node.
    address
        ``host:port`` of the head.
    mark
        Name of a resource by which the node is told from others.
    """
    least, most = _STORE_BYTES
    directory = _directory(mark)
    return [
        *("sh", "-c", 'mkdir -m 700 -- "$0" && exec "$@"', directory),
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--block", f"--address={address}"),
        *(f"--node-ip-address={node.address}", f"--num-cpus={node.cores}", f"--num-gpus={len(node.gpus)}"),
        *("--resources", json.dumps({mark: 1}), f"--object-store-memory={min(most, max(least, node.memory // 10))}"),
        *(f"--temp-dir={directory}/r", "--disable-usage-stats", "--log-color=false"),
        *("--min-worker-port=0", "--max-worker-port=0"),
    ]


def node_environment() -> dict[str, str | None]:
    """Return what Ray's processes on a node need to know: the cluster's token, and where our modules are."""
    token = os.environ.get("RAY_AUTH_TOKEN") or ""
    path = os.environ.get("RAY_AUTH_TOKEN_PATH")
    if path and Path(path).is_file():
        token = Path(path).read_text("utf-8").strip()
    secret = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token, "RAY_AUTH_TOKEN_PATH": None} if token else {}
    return {
        **numerical_environment(),
        **secret,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "RAY_USAGE_STATS_ENABLED": "0",
    }


def kill_far_group(agent: AbstractAgent, group: int) -> None:
    """Kill a process group on an agent's node, with what its members have started."""
    agent.start(["kill", "-9", "--", f"-{group}"], environment={}, stdin=b"", ended=_ignore, output=_ignore)


def _ignore(_fact: object) -> None:
    pass
