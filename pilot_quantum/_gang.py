"""A gang: the ranks of one task, which start together and end together. Driver side."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from ._answers import Decoded
from ._nodes import node_of
from .trace import RankTrace
from .worker import Ranks

if TYPE_CHECKING:
    from ._message import Message
    from .pilot import Worker
    from .task import Task


class Gang:
    """The messages of one task's ranks, and what they have answered so far.

    Attributes
    ----------
    task
        The task all ranks belong to.
    members
        Worker and message of each rank, in order of rank.
    """

    __slots__ = ("_values", "members", "task")

    def __init__(self, task: Task, members: list[tuple[Worker, Message]]) -> None:
        self.task = task
        self.members = members
        self._values: dict[int, Any] = {}
        for _, message in members:
            message.gang = self

    def rank_of(self, message: Message) -> int:
        """Return the rank that a message belongs to."""
        return next(rank for rank, (_, mine) in enumerate(self.members) if mine is message)

    def add(self, message: Message, answer: Decoded) -> BaseException | None:
        """Take in one rank's answer; return its exception, marked with the rank, if it raised."""
        rank = self.rank_of(message)
        error = answer.errors.get(0)
        if error is not None:
            error.add_note(f"(raised by rank {rank} of {len(self.members)})")
            return error
        self._values[rank] = answer.values[0]
        return None

    def traces(self) -> tuple[RankTrace, ...]:
        """Return what is known of each rank, in order."""
        return tuple(message.rank_trace(rank) for rank, (_, message) in enumerate(self.members))

    @property
    def values(self) -> list[Any] | None:
        """Results by rank, once all ranks have answered; None before."""
        if len(self._values) < len(self.members):
            return None
        return [self._values[rank] for rank in range(len(self.members))]


def ranks_on(workers: tuple[Worker, ...], timeout_s: float | None) -> list[Ranks]:
    """Return what each rank of a gang on these workers is told about itself."""
    hosts = [worker.host for worker in workers]
    pilot = workers[0].pilot
    first = pilot._allocation.nodes[node_of(pilot._allocation, workers[0].index)]
    address = first.address or _address_of(hosts, pilot.driver_host)
    coordinator = f"{address}:{_free_port()}"
    return [
        Ranks(rank, len(workers), hosts[:rank].count(host), coordinator, timeout_s) for rank, host in enumerate(hosts)
    ]


def _address_of(hosts: list[str | None], driver_host: str) -> str | None:
    return "127.0.0.1" if all(host == driver_host for host in hosts) else hosts[0]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
        return port
