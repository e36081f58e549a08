"""What every launcher does, and the resources it hands over."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from ..descriptions import PilotDescription
from ..errors import InvalidDescription


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a pilot.

    Attributes
    ----------
    host
        Host name.
    cores
        Cores the pilot may use there.
    memory
        Bytes of main memory the pilot may use there.
    gpus
        Indices of the GPUs the pilot may use there.
    """

    host: str
    cores: int
    memory: int
    gpus: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Allocation:
    """The nodes a pilot holds."""

    nodes: tuple[Node, ...]

    @property
    def cores(self) -> int:
        """Cores of all nodes together."""
        return sum(node.cores for node in self.nodes)

    @property
    def gpus(self) -> int:
        """GPUs of all nodes together."""
        return sum(len(node.gpus) for node in self.nodes)

    @property
    def memory(self) -> int:
        """Bytes of memory of all nodes together."""
        return sum(node.memory for node in self.nodes)


class AbstractLauncher(ABC):
    """Obtains the resources of one pilot and gives them back."""

    def __init__(self, description: PilotDescription) -> None:
        self.description = description

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
