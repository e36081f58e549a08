"""From a gate list, cuts and an observable to the plan: who is connected with whom, and what each piece does.

Driver side. A wire is a row of segments, one more than it has cuts; segments joined by gates that are not cut are one
fragment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import pi
from typing import NamedTuple

from .._circuits.gates import Circuit, Gate
from .plan import BadCuts, Cut, CutPlan, Cuts, End, Fragment, Term
from .schmidt import WIRE

Observable = Sequence[tuple[float, str]]
"""Coefficients and Pauli strings of full width, last letter = qubit 0."""
_Segment = int


def make_plan(circuit: Circuit, cuts: Cuts, observable: Observable, *, reuse: bool = True) -> CutPlan:
    """Return the plan of a circuit that is cut so.

    Parameters
    ----------
    circuit
        Gates on one and two qubits; see `decomposed`.
    reuse
        Let a fragment use again the qubits that it gave up at wire cuts. That makes it narrower, but a quantum computer
        has to reset them in mid-circuit.

    Raises
    ------
    BadCuts
        If a place is not in the circuit, or a cut joins a fragment with itself.
    """
    layout = _layout(circuit, cuts)
    for step in layout.steps:
        if step.cut and len({layout.fragment[s] for s in step.segments}) == 1:
            raise BadCuts(f"{_named(step)} joins fragment {layout.fragment[step.segments[0]]} with itself: cut more")
    return _Builder(layout, observable, reuse).plan(circuit.n_qubits)


def useful(circuit: Circuit, cuts: Cuts) -> Cuts:
    """Return the cuts without those that join a fragment with itself, which do nothing but cost."""
    layout = _layout(circuit, cuts)
    kept = [step for step in layout.steps if step.cut and len({layout.fragment[s] for s in step.segments}) == 2]
    gates = tuple(step.place for step in kept if step.gate is not None)
    return Cuts(gates, tuple((step.qubit, step.place) for step in kept if step.gate is None))


def components(circuit: Circuit, cuts: Cuts) -> int:
    """Return the number of fragments."""
    return len(set(_layout(circuit, cuts).fragment))


def _named(step: _Step) -> str:
    if step.gate is None:
        return f"the cut of wire {step.qubit} at gate {step.place}"
    return f"the cut gate {step.place} ({step.gate[0]} on qubits {', '.join(map(str, step.gate[1]))})"


# ---------------------------------------------------------------- segments and fragments


class _Step(NamedTuple):
    """A gate on its segments, or (``gate`` None) the end of a segment and the start of the next one."""

    place: int
    segments: tuple[_Segment, ...]
    gate: Gate | None
    cut: bool
    qubit: int = -1


@dataclass(slots=True)
class _Layout:
    """Every step in order, the fragment of every segment, and the last segment of every qubit."""

    steps: list[_Step] = field(default_factory=list)
    fragment: list[int] = field(default_factory=list)
    last: list[_Segment] = field(default_factory=list)


def _layout(circuit: Circuit, cuts: Cuts) -> _Layout:
    layout = _Layout(last=list(range(circuit.n_qubits)))
    parents = list(range(circuit.n_qubits))
    cut_gates, wires = _checked(circuit, cuts)
    for place, gate in enumerate(circuit.gates):
        segments = gate[1]  # until a wire is cut, each qubit is one segment
        if wires:
            for qubit in gate[1]:
                for _ in range(wires[qubit].pop(place, 0)):
                    parents.append(len(parents))
                    old, layout.last[qubit] = layout.last[qubit], len(parents) - 1
                    layout.steps.append(_Step(place, (old, layout.last[qubit]), None, cut=True, qubit=qubit))
            segments = tuple(layout.last[qubit] for qubit in gate[1])
        cut = place in cut_gates
        layout.steps.append(_Step(place, segments, gate, cut))
        if len(segments) == 2 and not cut:
            parents[_root(parents, segments[0])] = _root(parents, segments[1])
    numbers: dict[int, int] = {}
    layout.fragment = [numbers.setdefault(_root(parents, s), len(numbers)) for s in range(len(parents))]
    return layout


def _checked(circuit: Circuit, cuts: Cuts) -> tuple[set[int], dict[int, dict[int, int]]]:
    """Return the cut gates, and for each qubit how often its wire is cut before which of its gates."""
    length = len(circuit.gates)
    for place in cuts.gates:
        if not 0 <= place < length or len(circuit.gates[place][1]) != 2:
            raise BadCuts(f"gate {place} cannot be cut: of {length} gates, those on two qubits can")
    on = defaultdict(list)
    for place, (_, qubits, _) in enumerate(circuit.gates if cuts.wires else ()):
        for qubit in qubits:
            on[qubit].append(place)
    wires: dict[int, dict[int, int]] = defaultdict(dict)
    for qubit, place in cuts.wires:
        following = next((p for p in on[qubit] if p >= place), None)
        if following is None or place < 0 or following in wires[qubit]:
            raise BadCuts(f"wire {qubit} cannot be cut at gate {place}: no gate on it there, or cut there already")
        wires[qubit][following] = 1
    return set(cuts.gates), wires


def _root(parents: list[int], node: int) -> int:
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node


# ---------------------------------------------------------------- the pieces


class _Builder:
    """Deals the steps of a layout out to fragments."""

    def __init__(self, layout: _Layout, observable: Observable, reuse: bool) -> None:
        self.layout, self.observable, self.reuse = layout, observable, reuse
        count = max(layout.fragment) + 1
        self.ops: list[list[Gate | End]] = [[] for _ in range(count)]
        self.widths = [0] * count
        self.free: list[list[int]] = [[] for _ in range(count)]
        self.local: dict[_Segment, int] = {}
        self.cuts: list[Cut] = []

    def plan(self, n_qubits: int) -> CutPlan:
        begun = {step.segments[1] for step in self.layout.steps if step.gate is None}
        for segment in range(len(self.layout.fragment)):
            if segment not in begun:
                self._place(segment)
        for step in self.layout.steps:
            self._add(step)
        letters = [list(self._parts(pauli)) for _, pauli in self.observable]
        kinds = [tuple(dict.fromkeys(parts[p] for parts in letters)) for p in range(len(self.ops))]
        fragments = tuple(Fragment(p, self.widths[p], tuple(self.ops[p]), kinds[p]) for p in range(len(self.ops)))
        terms = tuple(
            Term(factor, tuple(kinds[p].index(part) for p, part in enumerate(parts)))
            for (factor, _), parts in zip(self.observable, letters, strict=True)
        )
        return CutPlan(n_qubits, tuple(self.cuts), fragments, terms)

    def _place(self, segment: _Segment) -> bool:
        """Give a segment a local qubit; return whether it was used before."""
        p = self.layout.fragment[segment]
        if self.free[p] and self.reuse:
            self.local[segment] = self.free[p].pop()
            return True
        self.local[segment] = self.widths[p]
        self.widths[p] += 1
        return False

    def _add(self, step: _Step) -> None:
        if step.cut:
            self._cut(step)
        elif step.gate is not None:
            name, _, params = step.gate
            qubits = tuple(self.local[s] for s in step.segments)
            self.ops[self.layout.fragment[step.segments[0]]].append((name, qubits, params))

    def _cut(self, step: _Step) -> None:
        name, params = (WIRE, ()) if step.gate is None else (step.gate[0], step.gate[2])
        reused = step.gate is None and self._place(step.segments[1])
        pieces = [self.layout.fragment[s] for s in step.segments]
        for side, (p, segment) in enumerate(zip(pieces, step.segments, strict=True)):
            again = reused and side == 1
            self.ops[p].append(End(len(self.cuts), side, self.local[segment], name, params, again))
        self.cuts.append(Cut(name, params, (pieces[0], pieces[1])))
        if step.gate is None:
            self.free[pieces[0]].append(self.local[step.segments[0]])

    def _parts(self, pauli: str) -> Iterator[str]:
        """Yield the part of a Pauli string on each fragment."""
        letters = [["I"] * width for width in self.widths]
        for qubit, segment in enumerate(self.layout.last):
            p = self.layout.fragment[segment]
            letters[p][self.widths[p] - 1 - self.local[segment]] = pauli[len(pauli) - 1 - qubit]
        yield from ("".join(part) for part in letters)


# ---------------------------------------------------------------- gates on three qubits


def decomposed(circuit: Circuit) -> Circuit:
    """Return the circuit with its gates on three qubits written as gates on one and two."""
    if all(len(qubits) <= 2 for _, qubits, _ in circuit.gates):
        return circuit
    gates = tuple(small for gate in circuit.gates for small in _small(gate))
    return Circuit(circuit.n_qubits, gates, circuit.measured)


def _small(gate: Gate) -> Iterable[Gate]:
    """Return the gates: a doubly controlled Z is a phase π/2·c·(a + b − a⊕b), a Toffoli that between two H."""
    name, qubits, _ = gate
    if len(qubits) <= 2:
        return [gate]
    a, b, c = qubits
    if name == "cswap":
        return [("cx", (c, b), ()), *_small(("ccx", (a, b, c), ())), ("cx", (c, b), ())]
    flip: Gate = ("cx", (a, b), ())
    phases: list[Gate] = [
        ("cp", pair, (angle,)) for pair, angle in (((b, c), pi / 2), ((b, c), -pi / 2), ((a, c), pi / 2))
    ]
    return [("h", (c,), ()), phases[0], flip, phases[1], flip, phases[2], ("h", (c,), ())]
