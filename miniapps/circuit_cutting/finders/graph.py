"""Pieces of a general interaction graph, by METIS.

Two graphs are tried: of qubits, joined by their gates, whose edges are gates to cut; and of gates in time, a node for
each qubit of each gate, whose further edges are wires, so that a part may take over a qubit halfway.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from math import ceil, log2
from typing import TYPE_CHECKING, Final

from ..cutting import components, make_plan, useful
from ..plan import BadCuts, Cuts
from ..schmidt import rank
from .interval import between

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..._circuits.gates import Circuit
    from . import Limits

_MOST_PARTS: Final = 12
_IMBALANCE: Final = (5, 100, 400)
"""Allowed excess of the largest part, in thousandths: METIS's ``ufactor``."""
_MOST_NODES: Final = 4000
_WIRE_WEIGHT: Final = 2
_SEED: Final = 1

Edges = dict[tuple[int, int], int]


def find(circuit: Circuit, limits: Limits) -> Cuts | None:
    """Return the cheapest of METIS's partitions that keep to the limits; None if none does."""
    best: tuple[tuple[float, float], Cuts] | None = None
    identity = [(1.0, "I" * circuit.n_qubits)]
    for cuts, widest in dict.fromkeys(_proposals(circuit, limits)):
        if limits.cuts is not None and len(cuts.gates) + len(cuts.wires) > limits.cuts:
            continue
        if best is not None and best[0][0] == 0.0 and 2.0**widest > best[0][1]:
            continue  # its states alone are more work
        try:
            plan = make_plan(circuit, cuts, identity)
        except BadCuts:
            continue
        whole = len(plan.fragments) == 1 and limits.cuts is not None
        if limits.allows(plan) and not whole and (best is None or limits.rank(plan) < best[0]):
            best = limits.rank(plan), cuts
    return None if best is None else best[1]


def _proposals(circuit: Circuit, limits: Limits) -> Iterator[tuple[Cuts, int]]:
    """Yield cuts with the qubits of the widest part, from many parts to few; 0 where these are not known."""
    n = circuit.n_qubits
    fewest = max(2, ceil(n / limits.size) if limits.size else 2)
    most = min(n, max(_MOST_PARTS, fewest + 3), (limits.cuts or n) + 1)
    if components(circuit, Cuts()) > 1:
        yield Cuts(), 0
    of_qubits, of_gates = _qubit_graph(circuit), _gate_graph(circuit)
    for parts in range(most, fewest - 1, -1):
        for imbalance in _IMBALANCE:
            labels = _partition(of_qubits, n, parts, imbalance)
            yield between(circuit, dict(enumerate(labels))), max(Counter(labels).values())
        if len(of_gates[1]) <= _MOST_NODES:
            yield _in_time(circuit, of_gates, parts), 0


def _qubit_graph(circuit: Circuit) -> Edges:
    edges: Edges = defaultdict(int)
    for name, qubits, params in circuit.gates:
        if len(qubits) == 2:
            a, b = sorted(qubits)
            edges[a, b] += round(2 * log2(rank(name, params)))
    return edges


def _gate_graph(circuit: Circuit) -> tuple[Edges, list[tuple[int, int]]]:
    """Return the edges between the qubits of gates in time, and each node's (gate, qubit)."""
    nodes = [(i, q) for i, (_, qubits, _) in enumerate(circuit.gates) if len(qubits) == 2 for q in qubits]
    number = {node: k for k, node in enumerate(nodes)}
    edges: Edges = {}
    rows: dict[int, list[int]] = defaultdict(list)
    for i, (name, qubits, params) in enumerate(circuit.gates):
        if len(qubits) == 2:
            edges[number[i, qubits[0]], number[i, qubits[1]]] = round(2 * log2(rank(name, params)))
    for i, q in nodes:
        rows[q].append(number[i, q])
    for row in rows.values():
        edges.update(dict.fromkeys(pairwise(row), _WIRE_WEIGHT))
    return edges, nodes


def _in_time(circuit: Circuit, graph: tuple[Edges, list[tuple[int, int]]], parts: int) -> Cuts:
    edges, nodes = graph
    if len(nodes) < 2 * parts:
        return Cuts()
    labels = _partition(edges, len(nodes), parts, _IMBALANCE[1])
    gates, wires = [], []
    for a, b in edges:
        if labels[a] != labels[b]:
            (i, p), (j, _) = nodes[a], nodes[b]
            if i == j:
                gates.append(i)
            else:
                wires.append((p, j))
    return useful(circuit, Cuts(tuple(sorted(gates)), tuple(sorted(wires))))


def _partition(edges: Edges, nodes: int, parts: int, imbalance: int) -> list[int]:
    import pymetis

    neighbours: list[list[tuple[int, int]]] = [[] for _ in range(nodes)]
    for (a, b), weight in edges.items():
        if weight:
            neighbours[a].append((b, weight))
            neighbours[b].append((a, weight))
    starts, targets, weights = [0], [], []
    for row in neighbours:
        targets += [node for node, _ in row]
        weights += [weight for _, weight in row]
        starts.append(len(targets))
    options = pymetis.Options(seed=_SEED, ufactor=imbalance)
    found = pymetis.part_graph(
        parts, pymetis.CSRAdjacency(starts, targets), eweights=weights, options=options, recursive=False
    )
    labels: list[int] = list(found[1])
    return labels
