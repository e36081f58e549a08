"""The states of a fragment with Aer as the engine: gates between cut ends run on Aer, ends are applied in between.

Worker side. For fragments with many gates on many qubits, where Aer's fused gates beat array operations.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._circuits.gates import Circuit, Gate
from .._circuits.qiskit_io import to_qiskit
from .plan import End, Fragment
from .schmidt import WIRE, factors

Vectors = NDArray[Any]
"""States, shape (number, 2ⁿ)."""


def states_by_aer(fragment: Fragment, *, single: bool = False, threads: int = 1) -> Vectors:
    """Return what `states.states` returns."""
    n = fragment.n_qubits
    found = np.zeros((1, 2**n), dtype=np.complex64 if single else np.complex128)
    found[0, 0] = 1
    run = _Run(n, single, threads)
    waiting: list[Gate] = []
    for op in fragment.ops:
        if isinstance(op, End):
            found = _ended(run(waiting, found), n, op)
            waiting = []
        else:
            waiting.append(op)
    ranks = [len(factors(end.name, end.params)[end.side]) for end in fragment.ends]
    return run(waiting, found).reshape(*ranks, 2**n)


class _Run:
    """Applies gates to each of some states."""

    def __init__(self, n_qubits: int, single: bool, threads: int) -> None:
        from qiskit_aer import AerSimulator

        self.n_qubits = n_qubits
        self.backend = AerSimulator(
            method="statevector",
            precision="single" if single else "double",
            max_parallel_threads=threads,
            enable_truncation=False,
        )

    def __call__(self, gates: list[Gate], states: Vectors) -> Vectors:
        if not gates:
            return states
        import qiskit_aer.library  # noqa: F401 - adds the save instructions to QuantumCircuit
        from qiskit import QuantumCircuit

        circuits = []
        body = to_qiskit(Circuit(self.n_qubits, tuple(gates)))
        for state in states:
            circuit = QuantumCircuit(self.n_qubits)
            if state[0] != 1:
                circuit.set_statevector(np.asarray(state, dtype=np.complex128))
            circuit.compose(body, inplace=True, copy=False)
            circuit.save_statevector()
            circuits.append(circuit)
        result = self.backend.run(circuits, shots=1).result()
        if not result.success:
            raise RuntimeError(f"Aer: {result.status}")
        found = [np.asarray(result.data(i)["statevector"]) for i in range(len(circuits))]
        return np.array(found, dtype=states.dtype)


def _ended(states: Vectors, n: int, end: End) -> Vectors:
    """Apply a cut end: each state becomes as many as the cut has terms."""
    stack = factors(end.name, end.params)[end.side]
    if end.name == WIRE:  # a qubit that is given up, or has not come yet, stands in |0⟩
        flat = np.zeros((2, 2, 2), dtype=complex)
        for j in (0, 1):
            flat[j, 0 if end.side == 0 else j, j if end.side == 0 else 0] = 1
        stack = flat
    split = states.reshape(len(states), 2 ** (n - 1 - end.qubit), 2, 2**end.qubit)
    grown = np.einsum("jab,shbl->sjhal", stack.astype(states.dtype), split)
    return np.ascontiguousarray(grown).reshape(-1, 2**n)
