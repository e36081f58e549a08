"""Seeded circuits of all gates, and what an independent engine says of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from miniapps._circuits.dense import expectation, statevector
from miniapps._circuits.gates import GATES, Circuit


def any_circuit(n: int, gates: int, seed: int) -> Circuit:
    """Return a circuit of gates that are drawn from all there are."""
    rng = np.random.default_rng(seed)
    names = [name for name, (qubits, _) in GATES.items() if qubits <= n]
    made = []
    for name in rng.choice(names, gates).tolist():
        qubits, params = GATES[name]
        on = tuple(rng.permutation(n)[:qubits].tolist())
        made.append((name, on, tuple((2 * np.pi * rng.random(params)).tolist())))
    return Circuit(n, tuple(made))


def values(circuit: Circuit, paulis: Sequence[str]) -> np.ndarray:
    """Return the expectation values, by our dense state vector."""
    state = statevector(circuit)
    return np.array([expectation(state, pauli) for pauli in paulis])
