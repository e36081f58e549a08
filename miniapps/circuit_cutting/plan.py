"""The plan of a cut circuit, as a value: fragments, cuts and every count that a cost can be made of.

Both sides. Made in milliseconds from a gate list and the places of the cuts, with no subexperiment built.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Final

from .._circuits.gates import Gate
from .schmidt import WIRE, price, rank

_AMPLITUDE_BYTES: Final = 16
_COPIES: Final = 3
"""Arrays of a fragment's size that its kernel holds at a time: the states, a product, its operand in another order."""


class BadCuts(ValueError):
    """These cuts do not separate the circuit, or there are none as asked; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Cuts:
    """Where a circuit is cut.

    Attributes
    ----------
    gates
        Positions, in the gate list, of the gates that are cut.
    wires
        Pairs (qubit, position): the wire of that qubit is cut before its next gate at or after that position.
    """

    gates: tuple[int, ...] = ()
    wires: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Cut:
    """One cut.

    Attributes
    ----------
    name, params
        The gate, or ``schmidt.WIRE``.
    fragments
        Positions of the fragments at its side 0 (first qubit, or upstream) and side 1.
    """

    name: str
    params: tuple[float, ...]
    fragments: tuple[int, int]

    @property
    def rank(self) -> int:
        """Operator-Schmidt rank."""
        return rank(self.name, self.params)

    @property
    def rows(self) -> int:
        """Terms of the published quasi-probability decomposition."""
        return price(self.name).rows


@dataclass(frozen=True, slots=True)
class End:
    """One side of a cut, as an operation within a fragment.

    Attributes
    ----------
    cut, side
        Position of the cut in the plan, and which of its sides.
    qubit
        Local qubit. Side 0 of a wire gives it up, side 1 of a wire takes it in state |0⟩.
    name, params
        As in `Cut`.
    reused
        Whether the qubit was given up before.
    """

    cut: int
    side: int
    qubit: int
    name: str
    params: tuple[float, ...]
    reused: bool = False


@dataclass(frozen=True)
class Fragment:
    """One piece of a cut circuit.

    Attributes
    ----------
    index
        Position in the plan.
    n_qubits
        Width; qubits given up at a wire cut may serve again.
    ops
        Gates on local qubits, and cut ends, in order of application.
    paulis
        The distinct parts of the observable's terms on this fragment; last letter = local qubit 0.
    """

    index: int
    n_qubits: int
    ops: tuple[Gate | End, ...]
    paulis: tuple[str, ...]

    @cached_property
    def ends(self) -> tuple[End, ...]:
        """The cut ends, in order of application."""
        return tuple(op for op in self.ops if isinstance(op, End))

    @property
    def gates(self) -> int:
        """Number of gates that are not cut."""
        return len(self.ops) - len(self.ends)

    @cached_property
    def states(self) -> int:
        """States that stand for all variants: the product of the ranks of its cut ends."""
        return prod(rank(end.name, end.params) for end in self.ends)

    @property
    def variants(self) -> int:
        """Distinct variants on a quantum computer, for each part of the observable."""
        return prod(price(end.name).distinct[end.side] for end in self.ends)

    @property
    def mid_circuit_variants(self) -> int:
        """Variants that measure a qubit on which something measured later still depends."""
        return self.variants - _without_mid_circuit(self)

    def memory(self, amplitude_bytes: int = _AMPLITUDE_BYTES) -> int:
        """Return the bytes of all its states, with the workspace of their kernel."""
        return amplitude_bytes * _COPIES * self.states * (1 << self.n_qubits) + 16 * self.states**2 * len(self.paulis)


@dataclass(frozen=True, slots=True)
class Term:
    """One Pauli string of the observable.

    Attributes
    ----------
    coefficient
        Its factor.
    parts
        For each fragment, which of its ``paulis`` is the part of this string.
    """

    coefficient: float
    parts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CutPlan:
    """A circuit in pieces.

    Attributes
    ----------
    n_qubits
        Width of the whole circuit.
    cuts, fragments, terms
        Its cuts, its pieces, and its observable in pieces.
    """

    n_qubits: int
    cuts: tuple[Cut, ...]
    fragments: tuple[Fragment, ...]
    terms: tuple[Term, ...]

    @property
    def rank(self) -> int:
        """Product of the operator-Schmidt ranks of all cuts."""
        return prod(cut.rank for cut in self.cuts)

    @property
    def rows(self) -> int:
        """Terms of the joint quasi-probability decomposition: 6ᵏ for k cut CX."""
        return prod(cut.rows for cut in self.cuts)

    @property
    def published(self) -> int:
        """Subexperiments of the published way: each fragment once a row, (k+1)·6ᵏ for a chain; per observable group."""
        return len(self.fragments) * self.rows

    @property
    def distinct(self) -> int:
        """Distinct circuits among them."""
        return sum(fragment.variants for fragment in self.fragments)

    def multiplicity(self, fragment: Fragment) -> float:
        """Return how many published subexperiments a variant of this fragment stands for, on average."""
        return self.rows / fragment.variants

    @property
    def width(self) -> int:
        """Qubits of the widest fragment."""
        return max(fragment.n_qubits for fragment in self.fragments)

    @property
    def memory(self) -> int:
        """Bytes of the largest fragment's states."""
        return max(fragment.memory() for fragment in self.fragments)

    @property
    def work(self) -> float:
        """Multiplications, roughly: gates on all states, their inner products, one visit of every contracted number."""
        return sum(fragment_work(f) for f in self.fragments) + self.contraction

    @property
    def contraction(self) -> float:
        """Multiplications of the contraction, one fragment after the other, for all terms."""
        return sum(before * new for before, new, _ in self._open()) * len(self.terms)

    @property
    def largest_tensor(self) -> float:
        """Numbers of the largest tensor on the way, or of the largest fragment's."""
        return max(
            max(after, float(f.states) ** 2) for f, (_, _, after) in zip(self.fragments, self._open(), strict=True)
        )

    def _open(self) -> list[tuple[float, float, float]]:
        """Return for each fragment the numbers open before it, what it adds, and what is open after it."""
        found, size = [], 1.0
        for fragment in self.fragments:
            new = closed = 1.0
            for end in fragment.ends:
                if min(self.cuts[end.cut].fragments) == fragment.index:
                    new *= rank(end.name, end.params) ** 2
                else:
                    closed *= rank(end.name, end.params) ** 2
            found.append((size, new, size * new / closed))
            size *= new / closed
        return found


def fragment_work(fragment: Fragment) -> float:
    """Return the multiplications of a fragment's states and inner products, roughly."""
    amplitudes, states = 2.0**fragment.n_qubits, float(fragment.states)
    return amplitudes * states * (4 * fragment.gates + states * len(fragment.paulis))


# ---------------------------------------------------------------- light cones


def _without_mid_circuit(fragment: Fragment) -> int:
    """Return the number of variants in which no end measures what something measured later depends on.

    From the last end to the first; an end that lies before what is measured later must not measure.
    """
    observed, *cones = [sum(1 << end for end in _Cone.of(fragment, source).later) for source in _sources(fragment)]
    ends = fragment.ends
    measuring = [price(end.name).measuring[end.side] for end in ends]
    others = [price(end.name).distinct[end.side] - number for end, number in zip(ends, measuring, strict=True)]
    counts = {observed: 1}
    for end in reversed(range(len(ends))):
        before: dict[int, int] = defaultdict(int)
        earlier = (1 << end) - 1
        for forbidden, count in counts.items():
            before[forbidden & earlier] += count * others[end]
            if not forbidden >> end & 1:
                before[(forbidden | cones[end]) & earlier] += count * measuring[end]
        counts = before
    return sum(counts.values())


def _sources(fragment: Fragment) -> list[tuple[int, frozenset[int]]]:
    """Return what may be measured, as (position in the operations, qubits): the observable first, then each end."""
    n = fragment.n_qubits
    observed = frozenset(q for pauli in fragment.paulis for q in range(n) if pauli[n - 1 - q] != "I")
    ends = [(place, op) for place, op in enumerate(fragment.ops) if isinstance(op, End)]
    return [(len(fragment.ops), observed), *((place, frozenset([end.qubit])) for place, end in ends)]


@dataclass(frozen=True, slots=True)
class _Cone:
    """Ends after which their qubit still matters to what is measured at one place."""

    later: frozenset[int]

    @classmethod
    def of(cls, fragment: Fragment, source: tuple[int, frozenset[int]]) -> _Cone:
        stop, qubits = source
        live, later = set(qubits), set[int]()
        number = sum(isinstance(op, End) for op in fragment.ops[:stop])
        for op in reversed(fragment.ops[:stop]):
            if isinstance(op, End):
                number -= 1
                if op.qubit in live:
                    later.add(number)
                if op.name == WIRE:
                    live.discard(op.qubit)
            elif live & set(op[1]):
                live |= set(op[1])
        return cls(frozenset(later))
