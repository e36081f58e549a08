"""What the best circuits are checked against: Qiskit's state vector, in the full space of all qubits. Driver side.

Nothing is shared with what found them but the list of excitations: generators are built of Pauli operators by Qiskit,
circuits of its gates, and the Hamiltonian of the terms of its file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .._app import Measurement, Verdict
from .._circuits import dense
from .._circuits.gates import Circuit, Gate
from .._variational import molecule
from .._variational.problem import MOLECULES
from . import pool

if TYPE_CHECKING:
    from .flow import Answer
    from .params import Generative

_ROUNDING: Final = 1e-8
_CHEMICAL: Final = 1.6e-3
"""Hartree: within this of the exact energy there is nothing left to be better at."""
_LEARNT: Final = 128
"""Batches from which on a search must beat its control; with fewer there is hardly anything to learn from."""
_CLOSE: Final = 1e-3
"""Loss of a Born machine from which on the same holds."""


def check(params: Generative, measurement: Measurement) -> Verdict:
    """Evaluate both best circuits again; compare with the exact energy or distribution, and with each other.

    The search must not be below what is possible, must have the score that it says, must reach ``tolerance`` where one
    is given, and must not be worse than its control, unless it is as good as exact or the budget is small.
    """
    found: Answer = measurement.answer
    if params.model == "gqe":
        recipe = pool.Recipe(params.problem, params.times)
        again, blind = (energy(recipe, circuit) for circuit in (found.circuit, found.control_circuit))
        lowest, close, oracle = MOLECULES[params.problem].exact, _CHEMICAL, "Qiskit state vector; full CI (pyscf)"
    else:
        again, blind = (loss(params, circuit) for circuit in (found.circuit, found.control_circuit))
        lowest, close, oracle = 0.0, _CLOSE, "dense state vector; exact distribution"
    told = _fault(params, found, (again, blind), (lowest, close))
    limit = params.tolerance if params.tolerance is not None else max(blind - lowest, close)
    detail = told or f"error {again - lowest:.6f}, of the control {blind - lowest:.6f}, at {params.circuits} circuits"
    return Verdict("fail" if told else "pass", oracle, again, lowest, limit, detail)


def _fault(params: Generative, found: Answer, again: tuple[float, float], bounds: tuple[float, float]) -> str:
    """Return what is wrong, in a sentence; empty if nothing is."""
    lowest, close = bounds
    for name, told, seen in (("search", found.score, again[0]), ("control", found.control_score, again[1])):
        if abs(told - seen) > _ROUNDING:
            return f"the best circuit of the {name} has {seen:.9f}, not {told:.9f}"
        if seen < lowest - 1e-7:
            return f"the best circuit of the {name} has {seen:.9f}, which is below the lowest possible, {lowest:.9f}"
    error = again[0] - lowest
    if params.tolerance is not None and error > params.tolerance:
        return f"error {error:.6f}: more than tolerance = {params.tolerance:g}"
    if params.batches >= _LEARNT and error > max(again[1] - lowest, close):
        return f"error {error:.6f}: more than {again[1] - lowest:.6f} of random search at the same budget"
    return ""


# ---------------------------------------------------------------- energies, by Qiskit


def energy(recipe: pool.Recipe, sequence: Any) -> float:
    """Return the energy of a sequence of operators in hartree."""
    from qiskit.quantum_info import SparsePauliOp, Statevector

    terms = molecule.terms(recipe.name)
    hamiltonian = SparsePauliOp([pauli for pauli, _ in terms], [coefficient for _, coefficient in terms])
    return float(Statevector(circuit_of(recipe, sequence)).expectation_value(hamiltonian).real)


def circuit_of(recipe: pool.Recipe, sequence: Any) -> Any:
    """Return the circuit of a sequence: Hartree-Fock, then each operator as a product of commuting Pauli rotations."""
    from qiskit import QuantumCircuit
    from qiskit.circuit.library import PauliEvolutionGate

    known = MOLECULES[recipe.name]
    made = QuantumCircuit(known.n_qubits)
    made.x(range(known.electrons))
    for token in sequence.tolist():
        operator = recipe.operator(token)
        if operator is not None:
            source, target, angle = operator
            made.append(
                PauliEvolutionGate(_generator(known.n_qubits, source, target), -angle / 2), range(known.n_qubits)
            )
    return made.decompose()


def _generator(n: int, source: tuple[int, ...], target: tuple[int, ...]) -> Any:
    """Return the Hermitian i(A - A†) of A, which lowers the qubits ``source`` and raises the qubits ``target``."""
    from qiskit.quantum_info import SparsePauliOp

    product = SparsePauliOp("I" * n)
    for qubits, sign in ((source, 1j), (target, -1j)):  # |0⟩⟨1| = (X + iY)/2, |1⟩⟨0| = (X - iY)/2
        for qubit in qubits:
            product = product @ SparsePauliOp.from_sparse_list([("X", [qubit], 0.5), ("Y", [qubit], 0.5 * sign)], n)
    return (1j * (product - product.adjoint())).simplify().chop(1e-12)


# ---------------------------------------------------------------- distributions, by our dense state vector


def loss(params: Generative, angles: Any) -> float:
    """Return the loss of a Born machine from its definition, pair of outcomes by pair of outcomes."""
    found = dense.probabilities(dense.statevector(Circuit(params.n_qubits or 0, tuple(gates(params, angles)))))
    wanted = wanted_distribution(params)
    if params.loss == "kl":
        inside = wanted > 0
        return float(np.sum(wanted[inside] * np.log(wanted[inside] / np.maximum(found[inside], 1e-12))))
    apart = found - wanted
    return float(sum(apart[x] * apart[y] * _kernel(params, x, y) for x in range(apart.size) for y in range(apart.size)))


def gates(params: Generative, angles: Any) -> list[Gate]:
    """Return the circuit of a Born machine as elementary gates."""
    n = params.n_qubits or 0
    found: list[Gate] = []
    for layer in angles.reshape(params.layers, 3, n).tolist():
        found += [("rx", (q,), (angle,)) for q, angle in enumerate(layer[0])]
        found += [("rz", (q,), (angle,)) for q, angle in enumerate(layer[1])]
        found += [("rzz", (q, (q + 1) % n), (angle,)) for q, angle in enumerate(layer[2])]
    return found


def wanted_distribution(params: Generative) -> Any:
    """Return the distribution that is to be learnt, written out once more, shape (2ⁿ,)."""
    n = params.n_qubits or 0
    if params.problem == "gaussian":
        weights = np.array([np.exp(-0.5 * ((x - (2**n - 1) / 2) / (2**n / 8)) ** 2) for x in range(2**n)])
    else:
        weights = np.array([float(_is_image(n, x)) for x in range(2**n)])
    return weights / weights.sum()


def _is_image(n: int, number: int) -> bool:
    from .images import PIXELS

    image = np.array([number >> k & 1 for k in range(n)]).reshape(PIXELS[n])
    return bool((image == image[:, :1]).all() or (image == image[:1]).all())


def _kernel(params: Generative, x: int, y: int) -> float:
    far = ((x - y) * 8 / 2 ** (params.n_qubits or 0)) ** 2 if params.problem == "gaussian" else (x ^ y).bit_count()
    return float(np.mean([np.exp(-far / (2 * width)) for width in (0.25, 1.0, 4.0)]))
