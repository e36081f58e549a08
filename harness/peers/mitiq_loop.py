"""mitiq's own loop: its ``execute_with_…`` over executors that compute the same noisy circuits as B.4.

Executors get cirq's circuits, which mitiq handles natively. Those that compute with Aer translate them gate by gate,
which is quicker than mitiq's way through OpenQASM.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from miniapps.error_mitigation import variants
from miniapps.error_mitigation.check import exact
from miniapps.error_mitigation.estimators import parity, read_out
from miniapps.error_mitigation.libraries import cirq_and_mitiq
from miniapps.error_mitigation.params import ErrorMitigation
from miniapps.error_mitigation.transfer import NODES

EXECUTORS: Final = ("cirq", "aer", "aer batched")
Chances = NDArray[np.float64]
Compute = Callable[[Sequence[Any]], list[Chances]]
"""From cirq's circuits to the probabilities of their outcomes, shape (2ᵐ,), read-out errors left out."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked of mitiq.

    Attributes
    ----------
    params
        The case of B.4 that it equals.
    circuit
        Cirq's.
    exact
        The value without noise.
    """

    params: ErrorMitigation
    circuit: Any
    exact: float

    @classmethod
    def of(cls, params: ErrorMitigation) -> Task:
        """Return the task that equals a case of B.4."""
        return cls(params, variants.to_cirq(variants.base(params)), exact(params))

    @property
    def evaluations(self) -> int:
        """Circuits that mitiq evaluates: B.4 evaluates the bare circuit beside the decoupled one."""
        scales = len(self.params.scales()) * (self.params.foldings or 1)
        return self.params.samples or scales or (3 if self.params.uses("readout") else 1)


def peer(task: Task, name: str) -> Callable[[], float]:
    """Return mitiq's way to the value with one of `EXECUTORS`."""
    compute = {"cirq": _cirq, "aer": _aer, "aer batched": _aer}[name](task.params)
    technique = {"zne": _zne, "pec": _pec, "ddd": _ddd, "readout": _rem}[task.params.technique]
    return technique(task, _Runs(task.params, compute), batched=name == "aer batched")


class _Runs:
    """Runs circuits and returns values or outcomes; read-out errors and shots are applied to exact probabilities."""

    def __init__(self, params: ErrorMitigation, compute: Compute) -> None:
        self._params, self._compute = params, compute
        noise, m = params.noise(), len(params.measured())
        one = np.array([[1 - noise.read_1_for_0, noise.read_0_for_1], [noise.read_1_for_0, 1 - noise.read_0_for_1]])
        self._confusion = np.ones((1, 1))
        for _ in range(m):
            self._confusion = np.kron(self._confusion, one)
        self._signs, self._rng = parity(m), np.random.default_rng(params.seed)

    def values(self, circuits: Sequence[Any], shots: int) -> list[float]:
        """Return the parity of the measured qubits; exact ones for ``shots = 0``."""
        return [float(self._signs @ (self._drawn(chances, shots))) for chances in self._compute(circuits)]

    def counts(self, circuit: Any, shots: int) -> Chances:
        """Return how often each outcome was seen."""
        (chances,) = self._compute([circuit])
        return shots * self._drawn(chances, shots)

    def _drawn(self, chances: Chances, shots: int) -> Chances:
        read = np.clip(self._confusion @ chances, 0, None)
        read /= read.sum()
        return self._rng.multinomial(shots, read) / shots if shots else read

    def executor(self, shots: int, *, batched: bool) -> Any:
        """Return mitiq's executor of values."""
        _, mitiq = cirq_and_mitiq()

        def serial(circuit: Any) -> float:
            return self.values([circuit], shots)[0]

        def many(circuits: Any) -> list[float]:
            return self.values(circuits, shots)

        return mitiq.Executor(many, max_batch_size=10**9) if batched else mitiq.Executor(serial)


def _zne(task: Task, runs: _Runs, *, batched: bool) -> Callable[[], float]:
    _, mitiq = cirq_and_mitiq()
    params, zne, scales = task.params, mitiq.zne, list(task.params.scales())
    repeats = params.foldings or 1
    shots = params.shots // (len(scales) * repeats)

    def factory() -> Any:
        if params.extrapolation == "exponential":
            return zne.ExpFactory(scales, asymptote=0.0)
        return (zne.LinearFactory if params.extrapolation == "linear" else zne.RichardsonFactory)(scales)

    fold = zne.scaling.fold_global if params.folding == "global" else zne.scaling.fold_gates_at_random

    def mitigate() -> float:
        executor = runs.executor(shots, batched=batched)
        return float(
            zne.execute_with_zne(task.circuit, executor, factory=factory(), scale_noise=fold, num_to_average=repeats)
        )

    return mitigate


def _pec(task: Task, runs: _Runs, *, batched: bool) -> Callable[[], float]:
    cirq, mitiq = cirq_and_mitiq()
    params, samples = task.params, task.params.samples or 1
    errors = {1: params.error_1q, 2: params.error_2q}
    represent = mitiq.pec.represent_operation_with_global_depolarizing_noise
    known = [represent(cirq.Circuit(one), errors[len(one.qubits)]) for one in set(task.circuit.all_operations())]

    def mitigate() -> float:
        executor = runs.executor(params.shots // samples, batched=batched)
        return float(
            mitiq.pec.execute_with_pec(
                task.circuit,
                executor,
                representations=known,
                num_samples=samples,
                force_run_all=not batched,
                random_state=params.seed,
            )
        )

    return mitigate


def _ddd(task: Task, runs: _Runs, *, batched: bool) -> Callable[[], float]:
    _, mitiq = cirq_and_mitiq()
    rule = getattr(mitiq.ddd.rules, task.params.sequence or "xx")

    def mitigate() -> float:
        executor = runs.executor(task.params.shots, batched=batched)
        return float(mitiq.ddd.execute_with_ddd(task.circuit, executor, rule=rule))

    return mitigate


def _rem(task: Task, runs: _Runs, *, batched: bool) -> Callable[[], float]:  # noqa: ARG001 - one circuit each
    """Measure both prepared states, invert, mitigate; mitiq wants every shot as a list of bits."""
    _, mitiq = cirq_and_mitiq()
    m, each = len(task.params.measured()), task.params.shots // 3
    prepared = [variants.to_cirq(one.program) for one in variants.preparations(task.params)]
    observable = mitiq.Observable(mitiq.PauliString("Z" * m))
    bits = (np.arange(2**m)[:, None] >> np.arange(m)) & 1

    def outcomes(circuit: Any) -> Any:
        shots = np.repeat(bits, runs.counts(circuit, each).round().astype(int), axis=0)
        return mitiq.MeasurementResult(shots.tolist(), tuple(range(m)))

    def mitigate() -> float:
        errors, _ = read_out(*(runs.counts(circuit, each) for circuit in prepared))
        matrices = [np.array([[1 - a, b], [a, 1 - b]]) for a, b in errors.tolist()]
        inverse = mitiq.rem.generate_tensored_inverse_confusion_matrix(m, matrices)
        found = mitiq.rem.mitigate_measurements(outcomes(task.circuit), inverse)
        return float(observable._expectation_from_measurements([found]).real)

    return mitigate


# How circuits are computed.


def _detunings(params: ErrorMitigation) -> tuple[Chances, Chances]:
    if not params.detuning:
        return np.zeros(1), np.ones(1)
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    return params.detuning * nodes, weights / weights.sum()


def _cirq(params: ErrorMitigation) -> Compute:
    """Compute with cirq's density matrix, whose ``depolarize`` has the same parameter as ours."""
    cirq, _ = cirq_and_mitiq()
    line = cirq.LineQubit.range(params.n_qubits)
    simulator = cirq.DensityMatrixSimulator(dtype=np.complex128)
    noises = {1: cirq.depolarize(params.error_1q), 2: cirq.depolarize(params.error_2q, n_qubits=2)}
    angles, weights = _detunings(params)
    silent = (cirq.X, cirq.Y, cirq.Z) if params.uses("pec") else ()

    def noisy(circuit: Any, angle: float) -> Any:
        made = []
        for moment in circuit.moments:
            made.append(moment)
            heard = [one for one in moment.operations if one.gate not in silent and one.gate != cirq.I]
            made.append(cirq.Moment(noises[len(one.qubits)](*one.qubits) for one in heard))
            if angle:
                made.append(cirq.Moment(cirq.rz(angle)(qubit) for qubit in line))
        return cirq.Circuit(made)

    def chances(circuit: Any) -> Chances:
        found = [
            np.diag(simulator.simulate(noisy(circuit, angle), qubit_order=line).final_density_matrix).real
            for angle in angles.tolist()
        ]
        return _of_measured(weights @ np.array(found), params)

    return lambda circuits: [chances(circuit) for circuit in circuits]


def _of_measured(diagonal: Chances, params: ErrorMitigation) -> Chances:
    """Return the probabilities of the measured qubits from all, whose first qubit is the highest bit in cirq."""
    n, measured = params.n_qubits, params.measured()
    rest = tuple(q for q in range(n) if q not in measured)
    left = diagonal.reshape((2,) * n).sum(axis=rest)
    return np.asarray(left.transpose(range(len(measured))[::-1]).reshape(-1))


def _aer(params: ErrorMitigation) -> Compute:
    """Compute with Aer's density matrix and noise model."""
    from qiskit import QuantumCircuit
    from qiskit_aer import AerSimulator
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    model, noise = NoiseModel(), params.noise()
    ones = ["h", "rx", "ry", "rz"] + ([] if params.uses("pec") else ["x", "y", "z"])
    model.add_all_qubit_quantum_error(depolarizing_error(noise.depolarizing(1), 1), ones)
    model.add_all_qubit_quantum_error(depolarizing_error(noise.depolarizing(2), 2), ["cx", "rzz"])
    simulator = AerSimulator(
        method="density_matrix", noise_model=model, max_parallel_threads=1, max_parallel_experiments=1
    )
    angles, weights = _detunings(params)

    def made(circuit: Any, angle: float) -> Any:
        result = QuantumCircuit(params.n_qubits)
        for moment in variants.from_cirq(circuit, params).moments:
            for name, qubits, values in moment:
                getattr(result, name)(*values, *qubits)
            for qubit in range(params.n_qubits) if angle else ():
                result.p(angle, qubit)
        result.save_probabilities(list(params.measured()))
        return result

    def compute(circuits: Sequence[Any]) -> list[Chances]:
        jobs = [made(circuit, angle) for circuit in circuits for angle in angles.tolist()]
        data = simulator.run(jobs, shots=1).result()
        found = np.array([data.data(place)["probabilities"] for place in range(len(jobs))])
        return list(np.einsum("anb,n->ab", found.reshape(len(circuits), len(angles), -1), weights))

    return compute
