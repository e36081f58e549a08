"""Recipe to gate list: the seeded families, and the door to user's files.

Worker side. All random numbers of a circuit come from one generator that its own seed starts, drawn in whole arrays;
the same recipe gives the same gates on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .gates import Circuit, Gate
from .spec import FAMILIES, CircuitSpec

_CIRCUIT_STREAM: Final = 0
_SAMPLE_STREAM: Final = 1


def build(spec: CircuitSpec) -> Circuit:
    """Build the circuit of a recipe.

    Raises
    ------
    ValueError
        If the family is unknown, or too wide a family for its qubits; the message names the choices.
    miniapps._circuits.qiskit_io.NotAGateList
        If a user's file holds more than gates and final measurements.
    """
    if spec.family == "file":
        from .qiskit_io import load_circuit

        return load_circuit(spec.path, spec.index)
    if spec.family not in _BUILDERS:
        raise ValueError(f"family = {spec.family!r}: choose one of {', '.join([*_BUILDERS, 'file'])}")
    if spec.n_qubits < FAMILIES[spec.family].min_qubits:
        raise ValueError(f"n_qubits = {spec.n_qubits}: {spec.family} needs {FAMILIES[spec.family].min_qubits} or more")
    return Circuit(spec.n_qubits, tuple(_BUILDERS[spec.family](spec)))


def circuit_generator(seed: int) -> np.random.Generator:
    """Return the generator of a circuit's gates."""
    return np.random.default_rng((seed, _CIRCUIT_STREAM))


def sample_generator(seed: int) -> np.random.Generator:
    """Return the generator of a circuit's samples: a stream of its own, so that it is independent of the gates."""
    return np.random.default_rng((seed, _SAMPLE_STREAM))


def _random(spec: CircuitSpec) -> list[Gate]:
    """Layers of Haar-random U on every qubit and CX on a uniformly random pairing; an odd qubit is left out.

    ``u(θ, φ, λ)`` is Haar-random for cos θ uniform in [-1, 1] and φ, λ uniform in [0, 2π). Gates of a layer are listed
    pair by pair, which is an order that blocks of few qubits can be fused in.
    """
    n, rng = spec.n_qubits, circuit_generator(spec.seed)
    angles = rng.random((spec.layers, n, 3))
    angles[:, :, 0] = np.arccos(1 - 2 * angles[:, :, 0])
    angles[:, :, 1:] *= 2 * np.pi
    orders = rng.permuted(np.tile(np.arange(n), (spec.layers, 1)), axis=1)
    gates: list[Gate] = []
    for triples, order in zip(angles.tolist(), orders.tolist(), strict=True):
        for a, b in zip(order[::2], order[1::2], strict=False):
            gates += (("u", (a,), tuple(triples[a])), ("u", (b,), tuple(triples[b])), ("cx", (a, b), ()))
        if n % 2:
            gates.append(("u", (order[-1],), tuple(triples[order[-1]])))
    return gates


def _ghz(spec: CircuitSpec) -> list[Gate]:
    return [("h", (0,), ()), *(("cx", (q, q + 1), ()) for q in range(spec.n_qubits - 1))]


def _qft(spec: CircuitSpec) -> list[Gate]:
    """RY(θ) on every qubit, θ uniform in [0, π), then |x⟩ → 2^(-n/2) Σ_k exp(2πi·x·k/2ⁿ) |k⟩ (swaps included)."""
    n = spec.n_qubits
    angles = np.pi * circuit_generator(spec.seed).random(n)
    gates: list[Gate] = [("ry", (q,), (angle,)) for q, angle in enumerate(angles.tolist())]
    for target in reversed(range(n)):
        gates.append(("h", (target,), ()))
        gates += [
            ("cp", (control, target), (np.pi / 2.0 ** (target - control),)) for control in reversed(range(target))
        ]
    return gates + [("swap", (q, n - 1 - q), ()) for q in range(n // 2)]


def _efficient_su2(spec: CircuitSpec) -> list[Gate]:
    """RY and RZ on every qubit, then CX(q, q+1) for rising q, ``layers`` times; RY and RZ once more."""
    n = spec.n_qubits
    angles = _angles(spec, (spec.layers + 1, 2, n)).tolist()
    gates: list[Gate] = []
    for rep, (ys, zs) in enumerate(angles):
        gates += [("cx", (q, q + 1), ()) for q in range(n - 1) if rep]
        gates += [("ry", (q,), (angle,)) for q, angle in enumerate(ys)]
        gates += [("rz", (q,), (angle,)) for q, angle in enumerate(zs)]
    return gates


def _strongly_entangling(spec: CircuitSpec) -> list[Gate]:
    """``Rot(φ, θ, ω)`` = RZ(ω)·RY(θ)·RZ(φ) on every qubit, then CX(q, q + r mod n) for rising q, ``layers`` times.

    The range r of layer l is l mod (n - 1) + 1 (Schuld et al., arXiv:1804.00633). Angles in the order φ, θ, ω.
    """
    n = spec.n_qubits
    gates: list[Gate] = []
    for layer, triples in enumerate(_angles(spec, (spec.layers, n, 3)).tolist()):
        gates += [("u", (q,), (theta, omega, phi)) for q, (phi, theta, omega) in enumerate(triples)]
        gates += [("cx", (q, (q + layer % (n - 1) + 1) % n), ()) for q in range(n)]
    return gates


def _qaoa_ring(spec: CircuitSpec) -> list[Gate]:
    """H everywhere; then ``layers`` times RZZ(γ) on the edges (q, q+1 mod n) and RX(β) on the nodes."""
    n = spec.n_qubits
    edges = [(q, q + 1) for q in range(n - 1)] + ([(0, n - 1)] if n > 2 else [])
    gates: list[Gate] = [("h", (q,), ()) for q in range(n)]
    for gamma, beta in _angles(spec, (spec.layers, 2)).tolist():
        gates += [("rzz", edge, (gamma,)) for edge in edges]
        gates += [("rx", (q,), (beta,)) for q in range(n)]
    return gates


def _angles(spec: CircuitSpec, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """All equal to the recipe's angle, or uniform in [0, 2π)."""
    if spec.angle is not None:
        return np.full(shape, spec.angle)
    return 2 * np.pi * circuit_generator(spec.seed).random(shape)


_BUILDERS: Final[dict[str, Callable[[CircuitSpec], Sequence[Gate]]]] = {
    "random": _random,
    "ghz": _ghz,
    "qft": _qft,
    "efficient_su2": _efficient_su2,
    "strongly_entangling": _strongly_entangling,
    "qaoa_ring": _qaoa_ring,
}
