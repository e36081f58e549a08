"""Which worker is on which node, and how many cores are free there. Scheduler's thread only."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .descriptions import Resources
    from .launchers.base import Allocation
    from .pilot import Pilot, Worker

_ROUNDING = 1e-9
"""Fractions of a GPU do not add up exactly."""


def node_of(allocation: Allocation, index: int) -> int:
    """Return the number of the node on which a worker has its place: workers fill nodes in order.

    A worker whose place was given up by a resize belongs to the last node.
    """
    place = index
    for number, node in enumerate(allocation.nodes):
        if place < node.cores:
            return number
        place -= node.cores
    return len(allocation.nodes) - 1


def needs_of(resources: Resources) -> tuple[float, float, float]:
    """Return what one task, or one rank, takes from its node: cores, GPUs, bytes of memory."""
    return resources.cpus, resources.gpus + resources.gpus_per_rank, resources.memory


def on_roomy_nodes(pilot: Pilot, resources: Resources, count: int) -> tuple[Worker, ...]:
    """Return ``count`` idle workers whose nodes have what a task, or a rank, on each needs; empty without them."""
    nodes = pilot._allocation.nodes
    homes = [number for number, node in enumerate(nodes) for _ in range(node.cores)]
    homes += [len(nodes) - 1] * (len(pilot._workers) - len(homes))
    free = [(float(node.cores), float(len(node.gpus)), float(node.memory)) for node in nodes]
    for worker in pilot._workers:
        if worker.resources is not None:
            free[homes[worker.index]] = _less(free[homes[worker.index]], needs_of(worker.resources))
    places: list[Worker] = []
    for worker in pilot._workers:
        left = _less(free[homes[worker.index]], needs_of(resources))
        idle = worker.ready and not worker.retired and not worker.inflight
        if idle and min(left) >= -_ROUNDING:
            free[homes[worker.index]] = left
            places.append(worker)
            if len(places) == count:
                return tuple(places)
    return ()


def _less(has: tuple[float, ...], needs: tuple[float, ...]) -> tuple[float, float, float]:
    cpus, gpus, memory = (a - b for a, b in zip(has, needs, strict=True))
    return cpus, gpus, memory
