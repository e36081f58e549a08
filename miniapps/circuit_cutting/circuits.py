"""The circuit of a case: a shared family, a user's file, or dense clusters joined by few gates."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from .._circuits import CircuitSpec
from .._circuits.families import build, circuit_generator
from .._circuits.gates import Circuit, Gate
from .cutting import decomposed

if TYPE_CHECKING:
    from .params import CircuitCutting

_TURN: Final = 2 * np.pi


def circuit_of(params: CircuitCutting) -> Circuit:
    """Return the circuit, with gates on one and two qubits only."""
    if params.family == "clustered":
        return clustered(params)
    spec = CircuitSpec(
        params.family, params.n_qubits, params.layers, params.seed, params.angle, params.path or "", params.index
    )
    return decomposed(build(spec))


def clustered(params: CircuitCutting) -> Circuit:
    """Return dense random clusters of equal width, joined in a row by few CX.

    Each of ``depth`` layers is RY and RZ with random angles on every qubit and CX on a random pairing of each cluster.
    Neighbouring clusters are joined by ``bridges`` CX between random qubits, spread evenly over the inner layers.
    """
    n, depth, clusters = params.n_qubits, params.layers, params.clusters or 1
    rng = circuit_generator(params.seed)
    groups = np.array_split(np.arange(n), clusters)
    bridged = np.linspace(1, max(1, depth - 2), params.bridges or 0).astype(int).tolist()
    gates: list[Gate] = []
    for layer in range(depth):
        angles = (_TURN * rng.random((n, 2))).tolist()
        for q, (y, z) in enumerate(angles):
            gates += [("ry", (q,), (y,)), ("rz", (q,), (z,))]
        for group in groups:
            order = rng.permutation(group).tolist()
            gates += [("cx", pair, ()) for pair in zip(order[::2], order[1::2], strict=False)]
        for _ in range(bridged.count(layer)):
            pairs = pairwise(groups)
            gates += [("cx", (int(rng.choice(a)), int(rng.choice(b))), ()) for a, b in pairs]
    return Circuit(n, tuple(gates))
