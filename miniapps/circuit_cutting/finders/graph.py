"""Pieces of a general interaction graph, by METIS.

Two graphs are tried: of qubits, joined by their gates, whose edges are gates to cut; and of gates in time, a node for
each qubit of each gate, whose further edges are wires, so that a part may take over a qubit halfway.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import lru_cache
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
    from ..plan import CutPlan
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
    partitions = _partitions(circuit)
    for cuts, widest in dict.fromkeys(partitions.proposals(limits)):
        if limits.cuts is not None and len(cuts.gates) + len(cuts.wires) > limits.cuts:
            continue
        if best is not None and best[0][0] == 0.0 and 2.0**widest > best[0][1]:
            continue  # its states alone are more work
        plan = partitions.plan(cuts)
        if plan is None:
            continue
        whole = len(plan.fragments) == 1 and limits.cuts is not None
        if limits.allows(plan) and not whole and (best is None or limits.rank(plan) < best[0]):
            best = limits.rank(plan), cuts
    return None if best is None else best[1]


class _Partitions:
    """METIS's partitions of one circuit and their plans, each made when it is first asked for."""

    def __init__(self, circuit: Circuit) -> None:
        self.circuit = circuit
        self.whole = components(circuit, Cuts()) == 1
        self._identity = [(1.0, "I" * circuit.n_qubits)]
        self._of_qubits, self._of_gates = _qubit_graph(circuit), _gate_graph(circuit)
        self._made: dict[int, list[tuple[Cuts, int]]] = {}
        self._plans: dict[Cuts, CutPlan | None] = {}

    def proposals(self, limits: Limits) -> Iterator[tuple[Cuts, int]]:
        """Yield cuts with the qubits of the widest part, from many parts to few; 0 where these are not known."""
        n = self.circuit.n_qubits
        fewest = max(2, ceil(n / limits.size) if limits.size else 2)
        most = min(n, max(_MOST_PARTS, fewest + 3), (limits.cuts or n) + 1)
        if not self.whole:
            yield Cuts(), 0
        for parts in range(most, fewest - 1, -1):
            if parts not in self._made:
                self._made[parts] = list(self._make(parts))
            yield from self._made[parts]

    def plan(self, cuts: Cuts) -> CutPlan | None:
        """Return the plan of cuts; None if they join a fragment with itself."""
        if cuts not in self._plans:
            try:
                self._plans[cuts] = make_plan(self.circuit, cuts, self._identity)
            except BadCuts:
                self._plans[cuts] = None
        return self._plans[cuts]

    def _make(self, parts: int) -> Iterator[tuple[Cuts, int]]:
        for imbalance in _IMBALANCE:
            labels = _partition(self._of_qubits, self.circuit.n_qubits, parts, imbalance)
            yield between(self.circuit, dict(enumerate(labels))), max(Counter(labels).values())
        if len(self._of_gates[1]) <= _MOST_NODES:
            yield _in_time(self.circuit, self._of_gates, parts), 0


_partitions = lru_cache(maxsize=2)(_Partitions)
"""Whoever asks with one limit often asks with the next."""


def forget() -> None:
    """Forget the partitions of the last circuits."""
    _partitions.cache_clear()


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
