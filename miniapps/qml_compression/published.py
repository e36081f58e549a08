"""The published method of the same two stages, for comparison. Worker side.

Our own writing of what the paper's mini-app does: (1) sweeps over the gates with target and state as matrix-product
states in complex numbers, bonds cut at singular values of 1e-10, at most 512, every cut by LAPACK's ``gesvd``; (2) BFGS
in SciPy on a PennyLane circuit on ``default.qubit``, not compiled, with the cost 1 - Σ|tᵢψᵢ|, which ignores signs.

It is kinder than the original in three ways, so that factors over it are not flattered: gates start at the identity and
stay real, which gives stage 2 205 angles instead of 410 to 458; environments of a half layer are reused without pulling
the target through its gates once more; there is no evaluation of the cost in a callback of each iteration.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .._qml import ansatz
from .._qml.compression import Cost, Recipe

Tensor = NDArray[Any]
"""Complex; of a line: left bond, physical, right bond."""
Floats = NDArray[np.float64]
_SMALLEST: Final = 1e-10
_FEWEST: Final = 32
_MOST: Final = 512


def compress(target: Floats, recipe: Recipe) -> tuple[Floats, float, Cost]:
    """Fit one state; see `miniapps._qml.compression.compress`."""
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    gates = swept(target, recipe)
    angles = ansatz.angles(*ansatz.quaternions(gates), recipe.n_wires)
    swept_s = time.perf_counter()
    if recipe.refinement == "bfgs":
        angles = _bfgs(angles, target, recipe)
    end_s, end_cpu_s = time.perf_counter(), time.process_time()
    overlap = float(np.vdot(target, _circuit(recipe)(angles)).real)
    return angles, overlap**2, Cost(swept_s - start_s, end_s - swept_s, end_cpu_s - start_cpu_s)


def swept(target: Floats, recipe: Recipe) -> Floats:
    """Return the gates after the sweeps, in order of application, shape (layers, n - 1, 4, 4)."""
    n = recipe.n_wires
    gates = np.tile(np.eye(4, dtype=complex), (recipe.layers, n - 1, 1, 1))
    line = _line(target.astype(complex))
    for _ in range(recipe.sweeps):
        _sweep(gates, line)
    return np.ascontiguousarray(gates.real)


# ---------------------------------------------------------------- matrix-product states


def _line(state: Tensor) -> list[Tensor]:
    """Return a state as tensors, the last one its centre."""
    tensors: list[Tensor] = []
    rest: Tensor = state.reshape(1, -1)
    while rest.size // rest.shape[0] > 2:
        left = rest.shape[0]
        u, s, vh = _svd(rest.reshape(left * 2, -1))
        tensors.append(u.reshape(left, 2, -1))
        rest = s[:, None] * vh
    return [*tensors, rest.reshape(rest.shape[0], 2, 1)]


def _svd(matrix: Tensor) -> tuple[Tensor, Floats, Tensor]:
    from scipy.linalg import svd

    u, s, vh = svd(matrix, full_matrices=False, lapack_driver="gesvd")
    kept = min(len(s), max(_FEWEST, int((s > _SMALLEST).sum())), _MOST)
    return u[:, :kept], s[:kept], vh[:kept]


def _move(line: list[Tensor], start: int, stop: int) -> None:
    """Move the centre of a line in place."""
    for site in range(start, stop):
        q, r = np.linalg.qr(line[site].reshape(-1, line[site].shape[2]))
        line[site] = q.reshape(line[site].shape[0], 2, -1)
        line[site + 1] = np.tensordot(r, line[site + 1], 1)
    for site in range(start, stop, -1):
        q, r = np.linalg.qr(line[site].reshape(line[site].shape[0], -1).T)
        line[site] = q.T.reshape(-1, 2, line[site].shape[2])
        line[site - 1] = np.tensordot(line[site - 1], r.T, 1)


def _apply(line: list[Tensor], gate: Tensor, site: int, *, rightwards: bool) -> None:
    """Apply a gate to sites (site, site + 1), one of which is the centre; the centre moves on in the direction."""
    pair = np.tensordot(line[site], line[site + 1], 1)
    left, _, _, right = pair.shape
    pair = np.einsum("pqrs,arsb->apqb", gate.reshape(2, 2, 2, 2), pair).reshape(left * 2, 2 * right)
    u, s, vh = _svd(pair)
    first, second = (u, s[:, None] * vh) if rightwards else (u * s, vh)
    line[site], line[site + 1] = first.reshape(left, 2, -1), second.reshape(-1, 2, right)


@dataclass(frozen=True, slots=True)
class _Half:
    """The target while it was pulled back through half a layer of gates.

    Attributes
    ----------
    before, after
        All tensors before and after.
    pairs
        The two tensors at each gate just before it was pulled back through it, by the gate's first site.
    """

    before: list[Tensor]
    after: list[Tensor]
    pairs: dict[int, tuple[Tensor, Tensor]]


def _pulled(line: list[Tensor], gates: Tensor, sites: Iterable[int], *, rightwards: bool) -> _Half:
    """Pull the target back through gates, in place; ``gates`` by first site."""
    before, pairs = list(line), {}
    for site in sites:
        pairs[site] = line[site], line[site + 1]
        _apply(line, gates[site].conj().T, site, rightwards=rightwards)
    return _Half(before, list(line), pairs)


def _sweep(gates: Tensor, target: list[Tensor]) -> None:
    """Update every gate once, in place."""
    layers, n = len(gates), len(target)
    places = {site: place for place, site in enumerate(ansatz.order(n))}
    middle = n // 2 - 1
    line, halves = list(target), list[tuple[_Half, _Half]]()
    by_site = [np.array([layer[places[site]] for site in range(n - 1)]) for layer in gates]
    centre = n - 1
    for layer in reversed(range(layers)):
        _move(line, centre, 0)
        left = _pulled(line, by_site[layer], range(middle), rightwards=True)
        _move(line, middle, n - 1)
        right = _pulled(line, by_site[layer], range(n - 2, middle - 1, -1), rightwards=False)
        centre = middle
        halves.append((right, left))
    zero: Tensor = np.array([1, 0], dtype=complex).reshape(1, 2, 1)
    state, centre = [zero] * n, 0
    for layer, (right, left) in enumerate(reversed(halves)):
        _move(state, centre, middle)
        for site, gate in _updated(state, right, range(middle, n - 1), rightwards=True):
            gates[layer, places[site]] = gate
        _move(state, n - 1, middle)
        for site, gate in _updated(state, left, range(middle - 1, -1, -1), rightwards=False):
            gates[layer, places[site]] = gate
        centre = 0 if middle else middle


def _updated(state: list[Tensor], half: _Half, sites: range, *, rightwards: bool) -> list[tuple[int, Tensor]]:
    """Choose the best gate at each site in turn and apply it to the state, in place."""
    near, far = (_grow_left, _grow_right) if rightwards else (_grow_right, _grow_left)
    n, found = len(state), list[tuple[int, Tensor]]()
    one: Tensor = np.ones((1, 1), dtype=complex)
    ahead = {sites[-1]: one}
    for site in list(sites)[:0:-1]:  # what is ahead of the gate before `site` begins with the tensor behind it
        tensor = site + 1 if rightwards else site
        ahead[site - sites.step] = far(ahead[site], half.after[tensor], state[tensor])
    behind = one
    for tensor in range(sites[0]) if rightwards else range(n - 1, sites[0] + 1, -1):
        behind = near(behind, half.before[tensor], state[tensor])
    for site in sites:
        left, right = (behind, ahead[site]) if rightwards else (ahead[site], behind)
        gate = _best(left, right, half.pairs[site], (state[site], state[site + 1]))
        _apply(state, gate, site, rightwards=rightwards)
        found.append((site, gate))
        tensor = site if rightwards else site + 1
        behind = near(behind, half.before[tensor], state[tensor])
    return found


def _grow_left(environment: Tensor, bra: Tensor, ket: Tensor) -> Tensor:
    return np.asarray(np.tensordot(np.tensordot(environment, bra.conj(), (0, 0)), ket, ((0, 1), (0, 1))))


def _grow_right(environment: Tensor, bra: Tensor, ket: Tensor) -> Tensor:
    return np.asarray(np.tensordot(np.tensordot(bra.conj(), environment, 1), ket, ((1, 2), (1, 2))))


def _best(left: Tensor, right: Tensor, bra: tuple[Tensor, Tensor], ket: tuple[Tensor, Tensor]) -> Tensor:
    """Return the gate of determinant 1 that maximises the overlap."""
    over = np.tensordot(bra[0], bra[1], 1).conj()
    under = np.tensordot(np.tensordot(left, np.tensordot(ket[0], ket[1], 1), (1, 0)), right, (3, 1))
    environment = np.tensordot(over, under, ((0, 3), (0, 3))).reshape(4, 4)
    from scipy.linalg import svd

    u, _, vh = svd(environment, lapack_driver="gesvd")
    vh[-1] *= np.conj(np.linalg.det(u @ vh))
    return np.asarray((u @ vh).conj())


# ---------------------------------------------------------------- BFGS on PennyLane


def _circuit(recipe: Recipe) -> Callable[[Any], Any]:
    import pennylane as qml

    n, wires = recipe.n_wires, ansatz.order(recipe.n_wires) * recipe.layers

    def circuit(values: Any) -> Any:
        for wire in range(n):
            qml.RY(values[wire], wire)
        for place, wire in enumerate(wires):
            at = n + ansatz.ANGLES * place
            for inner in (0, 2):
                qml.CNOT([wire + 1, wire])
                qml.RY(values[at + inner], wire)
                qml.RY(values[at + inner + 1], wire + 1)
        return qml.state()

    node: Callable[[Any], Any] = qml.QNode(circuit, qml.device("default.qubit", wires=n))
    return node


def _bfgs(angles: Floats, target: Floats, recipe: Recipe) -> Floats:
    import pennylane as qml
    from pennylane import numpy as differentiable
    from scipy.optimize import minimize

    circuit = _circuit(recipe)

    def cost(values: Any) -> Any:
        return 1 - differentiable.sum(differentiable.abs(target * circuit(values)))

    slope = qml.grad(cost, argnums=0)
    start = differentiable.array(angles, requires_grad=True)
    options = {"gtol": 1e-20, "maxiter": recipe.iterations}
    found = minimize(
        lambda x: float(cost(x)),
        start,
        method="BFGS",
        jac=lambda x: np.asarray(slope(differentiable.array(x, requires_grad=True))),
        options=options,
    )
    return np.asarray(found.x, dtype=np.float64)
