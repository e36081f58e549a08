"""What every launcher does, and the resources it hands over."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..descriptions import PilotDescription
from ..errors import InvalidDescription

if TYPE_CHECKING:
    from .qpus import Qpu


class AbstractProcess(ABC):
    """A process that an agent has started, with the process group it leads."""

    @abstractmethod
    def kill(self, signal: int = 9) -> None:
        """Send a signal to the process group; harmless when it is gone."""


class AbstractAgent(ABC):
    """Starts processes on a node.

    Attributes
    ----------
    gone
        Whether the node is lost.
    """

    gone: bool = False

    @abstractmethod
    def start(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str | None],
        stdin: bytes,
        ended: Callable[[int | None], None],
        output: Callable[[bytes], None] | None = None,
    ) -> AbstractProcess:
        """Start a process in a group of its own; returns at once.

        Parameters
        ----------
        command
            Program and arguments.
        environment
            Added to the environment of the node; a variable that is None is taken out of it.
        stdin
            What the process can read from its standard input.
        ended
            Called once with its return code, from any thread; with None if the node is lost or it could not start.
        output
            Takes what it prints; None sends that to the log of the node.
        """


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a pilot.

    Attributes
    ----------
    host
        Name of the node.
    cores
        Cores the pilot may use there.
    memory
        Bytes of main memory the pilot may use there.
    gpus
        Indices of the GPUs the pilot may use there.
    address
        Address at which other nodes reach it; empty for the driver's own machine.
    agent
        Starts processes there; None for the driver's own machine.
    lost
        Whether it is gone; its place in the pilot stays.
    """

    host: str
    cores: int
    memory: int
    gpus: tuple[int, ...] = ()
    address: str = ""
    agent: AbstractAgent | None = field(default=None, compare=False, repr=False)
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Allocation:
    """The nodes a pilot holds.

    Attributes
    ----------
    nodes
        The nodes, lost ones included.
    driver_address
        Address at which the nodes reach the driver.
    ends_in_s
        Seconds until the resources are taken away, as known when they were obtained; None if that is not known.
    head
        Starts launchers of parallel programs, such as ``srun``, that place ranks on several nodes; None without one.
    """

    nodes: tuple[Node, ...]
    driver_address: str = "127.0.0.1"
    ends_in_s: float | None = None
    head: AbstractAgent | None = field(default=None, compare=False, repr=False)

    @property
    def living(self) -> tuple[Node, ...]:
        """The nodes that are not lost."""
        return tuple(node for node in self.nodes if not node.lost)

    @property
    def cores(self) -> int:
        """Cores of all living nodes together."""
        return sum(node.cores for node in self.living)

    @property
    def gpus(self) -> int:
        """GPUs of all living nodes together."""
        return sum(len(node.gpus) for node in self.living)

    @property
    def memory(self) -> int:
        """Bytes of memory of all living nodes together."""
        return sum(node.memory for node in self.living)


@dataclass(frozen=True, slots=True)
class Losses:
    """Whom a launcher tells what happens to resources after they were obtained; from any thread.

    Attributes
    ----------
    node
        ``node(index, reason)``: one node is gone.
    ending
        ``ending(reason)``: everything will be taken away soon; nothing new should be started.
    all
        ``all(reason, normal)``: everything is gone; ``normal`` if that was the agreed end.
    """

    node: Callable[[int, str], None]
    ending: Callable[[str], None]
    all: Callable[[str, bool], None]


def _ignore(*_: object) -> None:
    pass


class AbstractLauncher(ABC):
    """Obtains the resources of one pilot and gives them back.

    Attributes
    ----------
    phases_s
        Seconds of each phase of `acquire`, as far as the launcher knows phases.
    losses
        Whom to tell what happens to the resources; the pilot's keeper sets it before `acquire`.
    """

    def __init__(self, description: PilotDescription) -> None:
        self.description = description
        self.phases_s: dict[str, float] = {}
        self.losses = Losses(_ignore, _ignore, _ignore)

    @property
    def qpus(self) -> tuple[Qpu, ...]:
        """Quantum devices that the batch system gave with the resources; complete once `acquire` has returned.

        Raises
        ------
        InvalidDescription
            If what it says cannot be understood.
        """
        return ()

    @abstractmethod
    def expected(self) -> Allocation:
        """Return what the pilot will hold, without asking for it.

        Raises
        ------
        InvalidDescription
            If this launcher can never obtain it.
        """

    @abstractmethod
    def acquire(self) -> Allocation:
        """Obtain the resources; blocks until they are held."""

    def resized(self, cores: int) -> Allocation:
        """Return the allocation with ``cores`` cores instead; raises InvalidDescription if that cannot be had."""
        raise InvalidDescription(f"cores = {cores}: the launcher {self.description.launcher!r} cannot resize a pilot")

    @abstractmethod
    def release(self) -> None:
        """Give the resources back; makes an `acquire` that still waits return or raise. Harmless when none are held."""
