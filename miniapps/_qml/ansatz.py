"""The circuit that a state is compressed into: a staircase of real two-qubit gates between neighbours.

``RY`` on every wire, then ``layers`` times one gate of SO(4) on each pair of neighbours (i, i+1): from the middle pair
to the last, then from the pair before the middle to the first. A gate is ``CX RY⊗RY CX RY⊗RY``, controlled by wire i+1;
the ``RY`` that a general SO(4) gate has before it are merged into its predecessors. That is 4 angles a gate and one a
wire: 205 for 13 wires and 4 layers.

Why a gate is exact. With a = (1, -i·IY, -i·YX, -i·YZ) and b = (1, -i·YI, -i·XY, -i·ZY), the two sets commute and each
behaves like the unit quaternions, so that every matrix of SO(4) is ``Σ p_j q_k a_j b_k`` with two unit quaternions.
``CX`` turns Y on its target into Y⊗Z and Y on its control into X⊗Y, so p and q have Euler angles about (IY, YZ, IY) and
(YI, XY, YI): six rotations, found in closed form.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .._circuits.gates import Circuit, Gate

Floats = NDArray[np.float64]
ANGLES: Final = 4
"""Of one gate: RY on wire i and on wire i+1 between the two CX, then on both after them."""


def order(n_wires: int) -> tuple[int, ...]:
    """Return the first wire of each gate of one layer in order of application."""
    middle = n_wires // 2 - 1
    return (*range(middle, n_wires - 1), *range(middle - 1, -1, -1))


def n_angles(n_wires: int, layers: int) -> int:
    """Return the number of angles: one a wire, then four a gate in order of application."""
    return n_wires + ANGLES * layers * (n_wires - 1)


def _real(*factors: str) -> Floats:
    """Return -i times a Pauli string with one Y, which is a real matrix; one without Y as it is."""
    one = {
        "I": np.eye(2),
        "X": np.array([[0.0, 1.0], [1.0, 0.0]]),
        "Y": np.array([[0.0, -1.0], [1.0, 0.0]]),  # -i·Y
        "Z": np.diag([1.0, -1.0]),
    }
    return np.asarray(np.kron(one[factors[0]], one[factors[1]]))


@lru_cache(maxsize=1)
def basis() -> Floats:
    """Return the products a_j·b_k, shape (4, 4, 4, 4): j, k, row, column; orthogonal, each of squared norm 4."""
    left = [_real(*pair) for pair in ("II", "IY", "YX", "YZ")]
    right = [_real(*pair) for pair in ("II", "YI", "XY", "ZY")]
    return np.array([[a @ b for b in right] for a in left])


def quaternions(gates: Floats) -> tuple[Floats, Floats]:
    """Return the two unit quaternions of matrices of SO(4), shape (..., 4, 4) to twice (..., 4)."""
    products = np.einsum("jkab,...ab->...jk", basis(), gates) / 4
    columns = np.linalg.norm(products, axis=-2)
    largest = np.argmax(columns, axis=-1)[..., None, None]
    p = np.take_along_axis(products, largest, axis=-1)[..., 0]
    p = p / np.linalg.norm(p, axis=-1, keepdims=True)
    return p, np.einsum("...j,...jk->...k", p, products)


def euler(p: Floats, q: Floats) -> Floats:
    """Return the six angles of gates from their quaternions, shape (..., 6).

    The angles are those of RY on the first and second wire before the gate, between its two CX, and after it.
    """
    p_after, p_middle, p_before = _euler(p[..., 0], p[..., 1], p[..., 3], p[..., 2])
    q_after, q_middle, q_before = _euler(q[..., 0], q[..., 1], q[..., 2], -q[..., 3])
    return np.stack([q_before, p_before, p_middle, q_middle, q_after, p_after], axis=-1)


def _euler(one: Floats, first: Floats, cosine: Floats, sine: Floats) -> tuple[Floats, Floats, Floats]:
    """Solve the Euler angles about (1, 2, 1): one and first turn by the sum, cosine and sine by the difference."""
    total, difference = np.arctan2(first, one), np.arctan2(sine, cosine)
    middle = 2 * np.arctan2(np.hypot(cosine, sine), np.hypot(one, first))
    return total + difference, middle, total - difference


def angles(p: Floats, q: Floats, n_wires: int) -> Floats:
    """Return the angles of a circuit whose gates are given by their quaternions.

    Parameters
    ----------
    p, q
        Shape (layers, n_wires - 1, 4), in order of application.

    Returns
    -------
    angles
        Shape (n_angles,).
    """
    layers = len(p)
    six = euler(p, q)
    start = np.zeros(n_wires)
    four = np.zeros((layers, n_wires - 1, ANGLES))
    last: dict[int, Floats] = {wire: start[wire : wire + 1] for wire in range(n_wires)}
    for layer in range(layers):
        for place, wire in enumerate(order(n_wires)):
            last[wire] += six[layer, place, 0]
            last[wire + 1] += six[layer, place, 1]
            four[layer, place] = six[layer, place, 2:]
            last[wire], last[wire + 1] = four[layer, place, 2:3], four[layer, place, 3:4]
    flat = np.concatenate([start, four.reshape(-1)])
    return np.asarray(np.mod(flat + 2 * np.pi, 4 * np.pi) - 2 * np.pi)  # RY has period 4π


def circuit(values: Floats, n_wires: int, layers: int) -> Circuit:
    """Return the gate list of a circuit; wire w is qubit n-1-w, because gate lists count from the lowest bit."""
    top = n_wires - 1
    gates: list[Gate] = [("ry", (top - wire,), (float(values[wire]),)) for wire in range(n_wires)]
    four = np.asarray(values[n_wires:]).reshape(layers * (n_wires - 1), ANGLES)
    for (inner_a, inner_b, outer_a, outer_b), wire in zip(four.tolist(), order(n_wires) * layers, strict=True):
        a, b = top - wire, top - wire - 1
        gates += [("cx", (b, a), ()), ("ry", (a,), (inner_a,)), ("ry", (b,), (inner_b,))]
        gates += [("cx", (b, a), ()), ("ry", (a,), (outer_a,)), ("ry", (b,), (outer_b,))]
    return Circuit(n_wires, tuple(gates))


def openqasm(values: Floats, n_wires: int, layers: int) -> str:
    """Return the circuit as OpenQASM 3, with all digits of its angles."""
    lines = ["OPENQASM 3.0;", 'include "stdgates.inc";', f"qubit[{n_wires}] q;"]
    for name, qubits, params in circuit(values, n_wires, layers).gates:
        given = f"({params[0]!r})" if params else ""
        lines.append(f"{name}{given} {', '.join(f'q[{qubit}]' for qubit in qubits)};")
    return "\n".join(lines) + "\n"
