"""Waits until an agent has called from every node of a pilot. Driver side; knows no batch system."""

from __future__ import annotations

import json
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, final

from .._door import Door
from ..descriptions import PilotDescription
from ..errors import PilotFailed
from ._agent import HEAD, Hello
from ._nodes import RemoteAgent
from .base import AbstractAgent, Allocation, Losses, Node

_log = logging.getLogger(__name__)

LATE_S = 15.0
"""A node that calls so many seconds after the first one is reported."""
_TICK_S = 1.0


@final
class Gathering:
    """The agents of one pilot, as they call.

    Parameters
    ----------
    pilot
        What was asked for.
    address
        Address at which the nodes reach this process.
    losses
        Whom to tell what happens after `allocation`.
    why
        Returns why the resources are gone, if they are, and whether that was the agreed end; may ask the batch system.

    Attributes
    ----------
    head_s, nodes_s
        Monotonic times at which the first agent called, so that the job runs, and at which the last node did; or None.
    """

    def __init__(
        self,
        pilot: PilotDescription,
        address: str,
        *,
        losses: Losses,
        why: Callable[[], tuple[str, bool] | None],
    ) -> None:
        self.head_s: float | None = None
        self.nodes_s: float | None = None
        self._pilot = pilot
        self._losses = losses
        self._why = why
        self._host = address
        self._door = Door(address)
        self._name = secrets.token_hex(8)
        self._door.expect(self._name, self._serve)
        self._changed = threading.Condition()
        self._head: RemoteAgent | None = None
        self._agents: list[RemoteAgent] = []
        self._order: list[RemoteAgent] = []
        self._failure: str | None = None
        self._handed_over = False
        self._closed = False

    def write_contact(self, path: Path, start_agents: Sequence[str]) -> None:
        """Write the file by which agents find us; only its owner can read it."""
        words = {"address": self._door.address, "key": self._door.key.hex(), "name": self._name}
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({**words, "start_agents": list(start_agents)}, file)

    def over(self, reason: str, normal: bool = False) -> None:
        """Make `wait` raise; after `allocation`, tell that everything is gone."""
        with self._changed:
            told = self._failure is not None
            self._failure = self._failure or reason
            self._changed.notify_all()
            if told or self._closed or not self._handed_over:
                return
        self._losses.all(reason, normal)

    def wait(self, *, queue_limit_s: float | None, join_limit_s: float, waiting: Callable[[], str]) -> None:
        """Wait until every node has called.

        Parameters
        ----------
        queue_limit_s
            Seconds until the first agent must have called; None means any time.
        join_limit_s
            Seconds from then until all nodes must have called.
        waiting
            Returns what the job waits for, for the error.

        Raises
        ------
        PilotFailed
            If the job was lost, or a limit has passed; names the nodes that are missing.
        """
        started_s = time.monotonic()
        with self._changed:
            while len(self._agents) < self._pilot.nodes:
                if self._failure is not None:
                    raise PilotFailed(self._failure)
                now = time.monotonic()
                if self.head_s is None and queue_limit_s is not None and now - started_s > queue_limit_s:
                    raise PilotFailed(f"no node after {queue_limit_s:g} s: {waiting()}")
                if self.head_s is not None and now - self.head_s > join_limit_s:
                    raise PilotFailed(f"{self._joined()} joined within {join_limit_s:g} s: {waiting()}")
                self._changed.wait(_TICK_S)
            self._order = sorted(self._agents, key=lambda agent: (agent.hello.number, agent.hello.node))

    def _joined(self) -> str:
        names = ", ".join(sorted(agent.hello.node for agent in self._agents)) or "none"
        return f"{len(self._agents)} of {self._pilot.nodes} nodes ({names})"

    def allocation(self, ends_in_s: float | None, head: AbstractAgent | None = None) -> Allocation:
        """Return what is held, once all nodes have called; from now on losses are told.

        Raises
        ------
        PilotFailed
            If a node offers less than was asked for, or one is lost already.
        """
        with self._changed:
            self._handed_over = True
            if any(agent.gone for agent in self._order):
                raise PilotFailed(f"a node was lost while the pilot started: {self._joined()} joined")
        nodes = tuple(self._node(agent) for agent in self._order)
        return Allocation(nodes, self._host, ends_in_s, head or self._head)

    def environment(self) -> dict[str, str]:
        """Return what the first node's agent said about devices of the job."""
        return dict(self._order[0].hello.environment) if self._order else {}

    def close(self) -> None:
        """Hang up on all agents, which ends the job."""
        with self._changed:
            self._closed = True
        self._door.close()
        self.hang_up()

    def hang_up(self) -> None:
        """End all agents, and with them the job."""
        for agent in [*self._agents, *([self._head] if self._head else [])]:
            agent.hang_up()

    def _node(self, agent: RemoteAgent) -> Node:
        said, wanted = agent.hello, self._pilot
        cores = wanted.cores_per_node or said.cores
        gpus = len(said.gpus) if wanted.gpus_per_node is None else wanted.gpus_per_node
        if said.cores < cores or len(said.gpus) < gpus:
            raise PilotFailed(
                f"node {said.node} offers {said.cores} core(s) and {len(said.gpus)} GPU(s) to the job; "
                f"{cores} and {gpus} were asked for"
            )
        memory = wanted.memory_per_node or said.memory
        return Node(said.node, cores, memory, said.gpus[:gpus], said.address, agent)

    def _serve(self, connection: Connection[Any, Any], words: Any) -> None:
        hello = Hello(*words)
        agent = RemoteAgent(hello, connection, self._told_to_end)
        with self._changed:
            if self._closed or self._handed_over:  # a job that was put back into the queue starts again
                return
            now = time.monotonic()
            first_s = self.head_s
            self.head_s = now if first_s is None else first_s
            if hello.role == HEAD:
                self._head = agent
            else:
                self._agents.append(agent)
                self.nodes_s = now
                if now - self.head_s > LATE_S:
                    _log.warning(
                        "pilot %s: node %s joined %.0f s late", self._pilot.name, hello.node, now - self.head_s
                    )
            self._changed.notify_all()
        agent.listen()
        self._hung_up(agent)

    def _told_to_end(self) -> None:
        """Find out what the SIGTERM that an agent was sent means: all is over, or will be soon."""
        reason = self._why()
        if reason is not None:
            self.over(*reason)
        elif self._handed_over and not self._closed:
            self._losses.ending("the batch system will end it soon")

    def _hung_up(self, agent: RemoteAgent) -> None:
        """Tell whoever must know that an agent is gone, and why: first of the node, then of its processes."""
        if not self._closed:
            reason = self._why()
            if reason is not None:
                self.over(*reason)
            elif agent is self._head and self._handed_over:
                pass  # the agents of the nodes hang up too, if they are gone
            elif agent in self._order and self._handed_over:
                self._losses.node(self._order.index(agent), f"node {agent.hello.node} is gone: its agent hung up")
            else:
                self.over(f"the agent on {agent.hello.node} hung up; see the job's log")
        agent.bury()
