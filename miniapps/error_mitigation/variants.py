"""Variants of a circuit, made by mitiq on cirq's circuits. Driver side.

mitiq is loaded here alone: workers get gate lists, and compute without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from inspect import unwrap
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from .._circuits import CircuitSpec, circuit_seed
from .._circuits.families import build
from .libraries import cirq_and_mitiq
from .program import Program

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .._circuits.gates import Gate
    from .params import ErrorMitigation

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Variant:
    """A circuit to run: a program, and the Pauli operators after its gates (see `program.Batch.frames`)."""

    program: Program
    frame: bytes = b""


@dataclass(frozen=True, slots=True)
class QuasiProbabilities:
    """A gate without noise as a sum of noisy gates, each followed by a Pauli operator.

    Attributes
    ----------
    coefficients
        Of each, shape (m,).
    paulis
        Numbers of the Pauli operators, shape (m,), uint8; see `program.Batch.frames`.
    """

    coefficients: Vector
    paulis: NDArray[np.uint8]

    @property
    def gamma(self) -> float:
        """The sum of the coefficients' moduli: what cancellation costs."""
        return float(np.abs(self.coefficients).sum())


def base(params: ErrorMitigation) -> Program:
    """Return the circuit whose value is wanted."""
    moments = scheduled(gates(params))
    if params.idle:
        moments = (*moments, *[()] * params.idle, *undone(moments))
    return Program(params.n_qubits, moments, params.measured())


def gates(params: ErrorMitigation) -> list[Gate]:
    """Return its gates; general rotations as RZ, RY, RZ, which mitiq can invert and fold."""
    seed = circuit_seed(params.seed, 0)
    spec = CircuitSpec(params.family, params.n_qubits, params.layers, seed, params.angle)
    found: list[Gate] = []
    for name, qubits, angles in build(spec).gates:
        if name == "u":
            theta, phi, lam = angles
            found += [("rz", qubits, (lam,)), ("ry", qubits, (theta,)), ("rz", qubits, (phi,))]
        else:
            found.append((name, qubits, angles))
    return found


def scheduled(some: Iterable[Gate]) -> tuple[tuple[Gate, ...], ...]:
    """Return gates in moments, each as early as its qubits allow."""
    free: dict[int, int] = {}
    moments: list[list[Gate]] = []
    for gate in some:
        moment = max(free.get(q, 0) for q in gate[1])
        moments += [[] for _ in range(moment + 1 - len(moments))]
        moments[moment].append(gate)
        free.update(dict.fromkeys(gate[1], moment + 1))
    return tuple(tuple(moment) for moment in moments)


def undone(moments: Sequence[tuple[Gate, ...]]) -> tuple[tuple[Gate, ...], ...]:
    """Return the moments that take these back; every gate here is a rotation, or its own inverse."""
    return tuple(
        tuple((name, qubits, tuple(-angle for angle in angles)) for name, qubits, angles in moment)
        for moment in reversed(moments)
    )


def preparations(params: ErrorMitigation) -> tuple[Variant, Variant]:
    """Return the circuits that tell the read-out's errors: all measured qubits in state 0, and all in state 1."""
    measured = params.measured()
    ones: tuple[Gate, ...] = tuple(("x", (q,), ()) for q in measured)
    return Variant(Program(params.n_qubits, (), measured)), Variant(Program(params.n_qubits, (ones,), measured))


def folded(params: ErrorMitigation) -> list[list[Variant]]:
    """Return the circuits of each scale factor of the noise, equal ones as often as they occur."""
    circuit = to_cirq(base(params))
    counts = params.foldings or 1
    return [
        [_folded(circuit, params, scale, (number, repeat)) for repeat in range(counts)]
        for number, scale in enumerate(params.scales())
    ]


def _folded(circuit: Any, params: ErrorMitigation, scale: float, place: tuple[int, int]) -> Variant:
    """Fold a circuit; mitiq's functions for cirq's circuits lie below those that convert and copy all kinds."""
    if scale % 2 == 1:
        return Variant(written_out(base(params), round(scale), params.folding))
    scaling = cirq_and_mitiq()[1].zne.scaling
    if params.folding == "global":
        made = unwrap(scaling.fold_global)(circuit, scale)
    else:
        seed = int(np.random.SeedSequence((params.seed, *place)).generate_state(1)[0])
        made = unwrap(scaling.fold_gates_at_random)(circuit, scale, seed=seed)
    return Variant(from_cirq(made, params))


def written_out(program: Program, scale: int, folding: str | None) -> Program:
    """Return a program folded by an odd factor, where mitiq has nothing to choose: U (U⁻¹ U)ᵏ, or each gate so."""
    if folding == "global":
        moments = program.moments + (undone(program.moments) + program.moments) * (scale // 2)
        return Program(program.n_qubits, moments, program.measured)
    repeated = [one for gate in program.gates for one in [gate, *[*undone(((gate,),))[0], gate] * (scale // 2)]]
    return Program(program.n_qubits, scheduled(repeated), program.measured)


def decoupled(params: ErrorMitigation) -> Variant:
    """Return the circuit with pulses in its idle windows."""
    ddd = cirq_and_mitiq()[1].ddd
    rule = getattr(ddd.rules, params.sequence or "xx")
    return Variant(from_cirq(ddd.insert_ddd_sequences(to_cirq(base(params)), rule), params))


@lru_cache(maxsize=64)
def representation(error: float, n_qubits: int) -> QuasiProbabilities:
    """Return the quasi-probabilities of a gate with depolarizing noise; ``error`` as in `program.Noise`."""
    cirq, mitiq = cirq_and_mitiq()
    line = cirq.LineQubit.range(n_qubits)
    gate = cirq.X(line[0]) if n_qubits == 1 else cirq.CNOT(*line)
    found = mitiq.pec.represent_operation_with_global_depolarizing_noise(cirq.Circuit(gate), error)
    terms: dict[int, float] = {}
    for operation, coefficient in zip(found.noisy_operations, found.coeffs, strict=True):
        paulis = list(operation.circuit.all_operations())[1:]
        number = sum((1 + [cirq.X, cirq.Y, cirq.Z].index(one.gate)) * 4 ** one.qubits[0].x for one in paulis)
        terms[number] = coefficient
    numbers = sorted(terms)
    return QuasiProbabilities(np.array([terms[n] for n in numbers]), np.array(numbers, dtype=np.uint8))


def drawn(params: ErrorMitigation, program: Program, stream: int) -> tuple[NDArray[np.uint8], Vector, float]:
    """Draw circuits of the cancellation.

    Returns
    -------
    frames, signs, gamma
        Pauli operators after each gate, shape (samples, gates); the signs of the samples; and by what their values
        are multiplied.
    """
    rng = np.random.default_rng((params.seed, 1, stream))
    uniform = rng.random((params.samples or 0, len(program.gates)))
    frames = np.empty(uniform.shape, dtype=np.uint8)
    signs, gamma = np.ones(len(uniform)), 1.0
    widths = np.array([len(on) for _, on, _ in program.gates])
    for k, error in ((1, params.error_1q), (2, params.error_2q)):
        rule, columns = representation(error, k), np.flatnonzero(widths == k)
        steps = np.cumsum(np.abs(rule.coefficients)) / rule.gamma
        chosen = np.searchsorted(steps[:-1], uniform[:, columns], side="right")
        frames[:, columns] = rule.paulis[chosen]
        signs *= np.sign(rule.coefficients)[chosen].prod(axis=1)
        gamma *= rule.gamma ** len(columns)
    return frames, signs, gamma


# To cirq and back.

_ROTATIONS: Final = {"rx", "ry", "rz"}


def to_cirq(program: Program) -> Any:
    """Return the program as a ``cirq.Circuit``, moment by moment."""
    cirq, _ = cirq_and_mitiq()
    line = cirq.LineQubit.range(program.n_qubits)
    fixed = {"h": cirq.H, "x": cirq.X, "y": cirq.Y, "z": cirq.Z, "cx": cirq.CNOT}

    def operation(gate: Gate) -> Any:
        name, qubits, angles = gate
        if name in _ROTATIONS:
            made = getattr(cirq, name)(*angles)
        elif name == "rzz":
            made = cirq.ZZPowGate(exponent=angles[0] / np.pi, global_shift=-0.5)
        else:
            made = fixed[name]
        return made(*(line[q] for q in qubits))

    return cirq.Circuit(cirq.Moment(operation(gate) for gate in moment) for moment in program.moments)


def from_cirq(circuit: Any, params: ErrorMitigation) -> Program:
    """Return what mitiq made as a program; raises ValueError for a gate that none of ours becomes."""
    waits = cirq_and_mitiq()[0].I
    moments = tuple(
        tuple(_gate(operation) for operation in moment.operations if operation.gate != waits)
        for moment in circuit.moments
    )
    return Program(params.n_qubits, moments, params.measured())


def _gate(operation: Any) -> Gate:
    cirq, _ = cirq_and_mitiq()
    gate, qubits = operation.gate, tuple(qubit.x for qubit in operation.qubits)
    for name, kind in (("rx", cirq.Rx), ("ry", cirq.Ry), ("rz", cirq.Rz)):
        if isinstance(gate, kind):
            return name, qubits, (float(gate._rads),)
    if isinstance(gate, cirq.ZZPowGate):
        return "rzz", qubits, (float(gate.exponent) * np.pi,)
    kinds = {"h": cirq.HPowGate, "x": cirq.XPowGate, "y": cirq.YPowGate, "z": cirq.ZPowGate, "cx": cirq.CXPowGate}
    for name, kind in kinds.items():
        if isinstance(gate, kind) and abs(gate.exponent) == 1:
            return name, qubits, ()
    raise ValueError(f"{operation}: no gate of a program")
