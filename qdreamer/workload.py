"""The workload analyzer: what a circuit and an observable demand, in counts. No seconds.

A circuit comes as a ``QuantumCircuit``, as a neutral gate list (name, qubits, parameters; Qiskit's names), or from an
OpenQASM or QPY file; everything a model reads of it is in `Workload`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import isclose, pi
from pathlib import Path
from typing import Any

from .bonds import BondEstimate, Gate, estimate
from .fusion import passes

_NO_GATE = frozenset({"barrier", "delay", "measure", "id"})
_DYNAMIC = frozenset({"reset", "if_else", "while_loop", "for_loop", "switch_case", "initialize"})
_CLIFFORD = frozenset(
    {"x", "y", "z", "h", "s", "sdg", "sx", "sxdg", "cx", "cy", "cz", "swap", "iswap", "ecr", "dcx", "id"}
)
_QUARTER_TURNS = frozenset({"rx", "ry", "rz", "p", "u1", "rxx", "ryy", "rzz", "rzx"})
_HALF_TURNS = frozenset({"cp", "cu1"})
SUFFIXES = (".qasm", ".qasm2", ".qasm3", ".qpy")


class BadCircuit(ValueError):
    """The circuit cannot be read or analysed; the message says why."""


@dataclass(frozen=True, slots=True)
class Observable:
    """A sum of Pauli strings.

    Attributes
    ----------
    terms
        Coefficient of each string; its last letter acts on qubit 0.
    """

    terms: Mapping[str, float]

    def __post_init__(self) -> None:
        if not self.terms:
            raise BadCircuit("an observable needs at least one Pauli string")
        widths = {len(pauli) for pauli in self.terms}
        letters = set("".join(self.terms)) - set("IXYZ")
        if len(widths) != 1 or letters:
            raise BadCircuit(f"observable {sorted(self.terms)}: strings of I, X, Y, Z of one length are needed")

    @classmethod
    def z(cls, qubit: int, n_qubits: int) -> Observable:
        """Return Z on one qubit."""
        return cls({"I" * (n_qubits - 1 - qubit) + "Z" + "I" * qubit: 1.0})

    @property
    def n_qubits(self) -> int:
        """Width of its strings."""
        return len(next(iter(self.terms)))

    @property
    def norm(self) -> float:
        """Σ|coefficient|."""
        return sum(abs(c) for c in self.terms.values())

    @property
    def support(self) -> frozenset[int]:
        """Qubits on which any string acts."""
        strings = (pauli[::-1] for pauli in self.terms)
        return frozenset(q for string in strings for q, letter in enumerate(string) if letter != "I")


@dataclass(frozen=True, slots=True)
class LightCone:
    """The part of a circuit that can change an observable.

    Attributes
    ----------
    qubits
        Qubits in it.
    gates
        Number of gates in it.
    """

    qubits: frozenset[int]
    gates: int


@dataclass(frozen=True, slots=True)
class Workload:
    """What a circuit demands.

    Attributes
    ----------
    n_qubits, depth
        Width; layers of gates.
    kinds
        Number of gates by name.
    edges
        Interaction graph: number of gates on each pair of qubits, lower qubit first.
    bonds
        What it needs as a matrix-product state.
    cone
        Light cone of the observable.
    clifford_share
        Gates that are Clifford gates, of all; 1 for no gates.
    passes
        Passes over a state vector that gate fusion leaves, in passes of a small gate.
    observable
        What is asked for.
    """

    n_qubits: int
    depth: int
    kinds: Mapping[str, int]
    edges: Mapping[tuple[int, int], int]
    bonds: BondEstimate
    cone: LightCone
    clifford_share: float
    passes: float
    observable: Observable = field(repr=False)

    @property
    def gates(self) -> int:
        """Number of gates."""
        return sum(self.kinds.values())

    @property
    def two_qubit_gates(self) -> int:
        """Number of pairs of qubits that gates act on, repetitions counted."""
        return sum(self.edges.values())

    @property
    def components(self) -> int:
        """Parts of the interaction graph that nothing joins, qubits without a gate included."""
        parent = list(range(self.n_qubits))

        def root(q: int) -> int:
            while parent[q] != q:
                parent[q] = q = parent[parent[q]]
            return q

        for a, b in self.edges:
            parent[root(a)] = root(b)
        return len({root(q) for q in range(self.n_qubits)})


def analyze(circuit: Any, observable: Observable | None = None) -> Workload:
    """Analyse a ``QuantumCircuit``.

    Parameters
    ----------
    circuit
        Gates, barriers and final measurements; all parameters bound.
    observable
        What is asked for; None means Z on the last qubit.

    Raises
    ------
    BadCircuit
        If it resets, branches or has unbound parameters, or the observable has another width.
    """
    return analyze_gates(circuit.num_qubits, gates_of(circuit), observable)


def gates_of(circuit: Any) -> tuple[Gate, ...]:
    """Return the gates of a ``QuantumCircuit`` as a neutral list, barriers and measurements dropped.

    Raises
    ------
    BadCircuit
        If it resets, branches or has unbound parameters.
    """
    if circuit.parameters:
        raise BadCircuit(f"unbound parameters: {', '.join(map(str, circuit.parameters))}; bind them first")
    index = {bit: number for number, bit in enumerate(circuit.qubits)}
    found: list[Gate] = []
    for instruction in circuit.data:
        name = instruction.operation.name
        if name in _DYNAMIC:
            raise BadCircuit(f"{name!r} is no gate; only gates and final measurements can be analysed")
        if name not in _NO_GATE:
            params = tuple(float(p) for p in instruction.operation.params if isinstance(p, int | float))
            found.append((name, tuple(index[bit] for bit in instruction.qubits), params))
    return tuple(found)


def analyze_gates(n_qubits: int, gates: Sequence[Gate], observable: Observable | None = None) -> Workload:
    """Analyse a neutral gate list; see `analyze`."""
    wanted = Observable.z(n_qubits - 1, n_qubits) if observable is None else observable
    if wanted.n_qubits != n_qubits:
        raise BadCircuit(f"the observable acts on {wanted.n_qubits} qubits, the circuit has {n_qubits}")
    kinds = Counter(name for name, _, _ in gates)
    clifford = sum(_is_clifford(name, params) for name, _, params in gates)
    return Workload(
        n_qubits=n_qubits,
        depth=_depth(n_qubits, gates),
        kinds=dict(kinds),
        edges=_edges(gates),
        bonds=estimate(n_qubits, gates),
        cone=light_cone(gates, wanted.support),
        clifford_share=clifford / len(gates) if gates else 1.0,
        passes=passes(n_qubits, gates),
        observable=wanted,
    )


def _depth(n_qubits: int, gates: Iterable[Gate]) -> int:
    level = [0] * n_qubits
    for _, qubits, _ in gates:
        top = 1 + max(level[q] for q in qubits)
        for q in qubits:
            level[q] = top
    return max(level, default=0)


def _edges(gates: Iterable[Gate]) -> dict[tuple[int, int], int]:
    sets = Counter(qubits for _, qubits, _ in gates if len(qubits) > 1)
    found: Counter[tuple[int, int]] = Counter()
    for qubits, times in sets.items():
        for pair in combinations(sorted(qubits), 2):
            found[pair] += times
    return dict(found)


def light_cone(gates: Sequence[Gate], support: Iterable[int]) -> LightCone:
    """Return the gates that can change what is measured on ``support`` after all gates."""
    qubits, count = set(support), 0
    every = qubits.union(*(on for _, on, _ in gates))
    for left in range(len(gates), 0, -1):
        if len(qubits) == len(every):  # all the earlier ones are in it
            count += left
            break
        on = gates[left - 1][1]
        if not qubits.isdisjoint(on):
            qubits.update(on)
            count += 1
    return LightCone(frozenset(qubits), count)


def _is_clifford(name: str, params: tuple[float, ...]) -> bool:
    if name in _CLIFFORD:
        return True
    if len(params) != 1:
        return False
    step = pi / 2 if name in _QUARTER_TURNS else pi if name in _HALF_TURNS else 0.0
    return step > 0 and isclose(params[0] / step, round(params[0] / step), abs_tol=1e-9)


def read(path: Path) -> Any:
    """Return the first circuit of an OpenQASM 2 or 3 (told apart by its first line) or QPY file.

    Raises
    ------
    BadCircuit
        If it cannot be read; the message names the file and the reason.
    """
    if path.suffix not in SUFFIXES:
        raise BadCircuit(f"{path}: the suffix must be one of {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise BadCircuit(f"{path}: there is no such file")
    from qiskit.exceptions import QiskitError

    try:
        return _read_qpy(path) if path.suffix == ".qpy" else _read_qasm(path.read_text("utf-8"))
    except (QiskitError, UnicodeDecodeError, ImportError) as error:
        reason = str(error).strip().partition("\n")[0].strip("\"' ")
        raise BadCircuit(f"{path}: {reason}") from error


def _read_qpy(path: Path) -> Any:
    from qiskit import qpy

    with path.open("rb") as file:
        return qpy.load(file)[0]


def _read_qasm(text: str) -> Any:
    from qiskit import qasm2, qasm3

    lines = (line.strip() for line in text.splitlines())
    first = next((line for line in lines if line and not line.startswith("//")), "")
    if first.startswith("OPENQASM 3"):
        return qasm3.loads(text)
    return qasm2.loads(text, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
