"""Which worker is on which node, and how many cores are free there. Scheduler's thread only."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .descriptions import Resources
    from .launchers.base import Allocation
    from .pilot import Pilot, Worker


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


def on_roomy_nodes(pilot: Pilot, resources: Resources, count: int) -> tuple[Worker, ...]:
    """Return ``count`` idle workers whose nodes have the cores for a task, or a rank, on each; empty without them."""
    nodes = pilot._allocation.nodes
    homes = [number for number, node in enumerate(nodes) for _ in range(node.cores)]
    homes += [len(nodes) - 1] * (len(pilot._workers) - len(homes))
    free = [node.cores for node in nodes]
    for worker in pilot._workers:
        if worker.resources is not None:
            free[homes[worker.index]] -= worker.resources.cpus
    places: list[Worker] = []
    for worker in pilot._workers:
        node = homes[worker.index]
        idle = worker.ready and not worker.retired and not worker.inflight
        if idle and free[node] >= resources.cpus:
            free[node] -= resources.cpus
            places.append(worker)
            if len(places) == count:
                return tuple(places)
    return ()
