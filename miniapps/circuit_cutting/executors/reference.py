"""``reference``: qiskit-addon-cutting as published: every row of the decomposition is a circuit for every fragment.

Generation, sampling and reconstruction are the addon's own. Results are put in the order of generation by their keys,
which the published prototype does not do: it hands them over in order of completion, and the value is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from ..._circuits.gates import Circuit
from ..._circuits.qiskit_io import to_qiskit
from ..._circuits.spec import circuit_seed
from ..basis import instruction
from ..kernels import PublishedWork, run_published
from ..plan import CutPlan, End, Fragment
from ..sampling import Estimate, variances
from ..variants import Sampler
from . import Job, Portion, Problem

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_CIRCUIT_S: Final = 5e-3
_GATE_AMPLITUDE_S: Final = 1e-9


def reference(problem: Problem) -> Job:
    """Generate all subexperiments; each is a portion, those on wide fragments first."""
    settings, plan = problem.settings, problem.plan
    sampler = Sampler(settings.precision, settings.device, settings.threads)
    circuits, coefficients = _generated(plan)
    portions: list[Portion] = []
    for fragment in sorted(plan.fragments, key=lambda f: -f.n_qubits):
        size = 2.0**fragment.n_qubits
        cost = _CIRCUIT_S + _GATE_AMPLITUDE_S * fragment.gates * size
        for row, circuit in enumerate(circuits[fragment.index]):
            seed = circuit_seed(settings.seed, len(portions))
            work = PublishedWork((fragment.index, row), circuit, settings.shots, seed, sampler)
            portions.append(Portion(work, cost, int(32 * size)))
    return Job(run_published, portions, partial(_finish, problem, coefficients))


def _finish(problem: Problem, coefficients: list[tuple[float, Any]], answers: Mapping[Any, Any]) -> Estimate:
    """Reconstruct with the addon, then take the standard error from the same shots."""
    from qiskit_addon_cutting import reconstruct_expectation_values

    plan, shots = problem.plan, problem.settings.shots
    results = {fragment.index: _result(fragment, answers) for fragment in plan.fragments}
    values = reconstruct_expectation_values(results, coefficients, _parts(plan))
    total = sum(term.coefficient * v for term, v in zip(plan.terms, values, strict=True))
    factors = np.array([factor for factor, _ in coefficients])
    return Estimate(float(total), _standard_error(plan, answers, factors, shots), shots * len(answers))


# ---------------------------------------------------------------- from and to the addon's objects


def _generated(plan: CutPlan) -> tuple[dict[int, list[QuantumCircuit]], list[tuple[float, Any]]]:
    """Return for each fragment its circuits, row after row and within a row group after group; and the coefficients."""
    from qiskit_addon_cutting import generate_cutting_experiments
    from qiskit_addon_cutting.qpd import QPDBasis

    bases = [QPDBasis.from_instruction(instruction(cut.name, cut.params)) for cut in plan.cuts]
    pieces = {fragment.index: _piece(fragment, bases) for fragment in plan.fragments}
    found: tuple[Any, Any] = generate_cutting_experiments(pieces, _parts(plan), num_samples=np.inf)
    return found


def _piece(fragment: Fragment, bases: list[Any]) -> QuantumCircuit:
    """Return the fragment with a placeholder of the addon at each cut end."""
    from qiskit import QuantumCircuit
    from qiskit_addon_cutting.qpd import SingleQubitQPDGate

    made = QuantumCircuit(fragment.n_qubits)
    for op in fragment.ops:
        if isinstance(op, End):
            made.append(SingleQubitQPDGate(bases[op.cut], op.side, label=f"cut_{op.cut}"), [op.qubit])
        else:
            made.compose(to_qiskit(Circuit(fragment.n_qubits, (op,))), inplace=True)
    return made


def _parts(plan: CutPlan) -> dict[int, Any]:
    from qiskit.quantum_info import PauliList

    return {f.index: PauliList([f.paulis[term.parts[f.index]] for term in plan.terms]) for f in plan.fragments}


def _result(fragment: Fragment, answers: Mapping[Any, Any]) -> Any:
    """Return the outcomes of a fragment's circuits in the order in which they were generated."""
    from qiskit.primitives import PrimitiveResult

    rows = sum(key[0] == fragment.index for key in answers)
    return PrimitiveResult([_outcomes(*answers[fragment.index, row]) for row in range(rows)])


def _outcomes(observable: NDArray[np.uint8], decomposition: NDArray[np.uint8]) -> Any:
    from qiskit.primitives import BitArray, DataBin, PubResult

    bits = (BitArray(array, 8 * array.shape[1]) for array in (observable, decomposition))
    return PubResult(DataBin(observable_measurements=next(bits), qpd_measurements=next(bits)))


# ---------------------------------------------------------------- standard error


def _standard_error(plan: CutPlan, answers: Mapping[Any, Any], factors: NDArray[np.float64], shots: int) -> float:
    """Return the standard error; terms that were measured together are taken as if fully correlated."""
    from qiskit_addon_cutting.utils.observable_grouping import ObservableCollection

    means = []
    for fragment, parts in zip(plan.fragments, _parts(plan).values(), strict=True):
        collection = ObservableCollection(parts)
        where = [collection.lookup[part][0] for part in parts]
        masks = [collection.groups[group].pauli_bitmasks[place] for group, place in where]
        means.append(
            [
                _means(fragment, answers, (group, len(collection.groups), factors.size), mask)
                for (group, _), mask in zip(where, masks, strict=True)
            ]
        )
    total = 0.0
    for number, term in enumerate(plan.terms):
        values = [of_fragment[number] for of_fragment in means]
        total += abs(term.coefficient) * _error_of_term(values, factors, shots)
    return total


def _means(
    fragment: Fragment, answers: Mapping[Any, Any], place: tuple[int, int, int], mask: int
) -> NDArray[np.float64]:
    """Return the mean outcome in every row of what one group of observables measured under a mask."""
    group, groups, rows = place
    found = np.empty(rows)
    for row in range(rows):
        observable, decomposition = answers[fragment.index, row * groups + group]
        wanted = np.frombuffer(int(mask).to_bytes(observable.shape[1], "big"), dtype=np.uint8)
        ones = np.bitwise_count(observable & wanted).sum(axis=1) + np.bitwise_count(decomposition).sum(axis=1)
        found[row] = 1 - 2 * (ones & 1).mean()
    return found


def _error_of_term(values: list[NDArray[np.float64]], factors: NDArray[np.float64], shots: int) -> float:
    relative = np.zeros(factors.size)
    for position, mine in enumerate(values):
        others = [value for p, value in enumerate(values) if p != position]
        relative += variances(shots * (1 + mine) / 2, np.full(mine.shape, shots)) * np.prod(others, axis=0) ** 2
    return float((factors**2 * relative).sum() ** 0.5)
