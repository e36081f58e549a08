"""Fitting the angles of `ansatz` to a real state. Worker side.

Stage 1, sweeping: with all other gates fixed, the overlap ⟨t|ψ⟩ is linear in one gate, tr(GᵀE) with its environment E.
Over SO(4), written with two unit quaternions, it is 4·pᵀCq, whose maximum is the largest singular value of a 4×4 matrix
C: each update is exact and never lowers the overlap. One sweep updates every gate once, from the first to the last.

Stage 2, refinement of the angles with the cost 1 - |⟨t|ψ⟩|². Its gradient is computed backwards through the circuit at
the cost of two circuits (adjoint differentiation), so quasi-Newton steps cost about as much as sweeps.

The state has 2ⁿ real amplitudes (64 KiB for 13 wires), which stay in the cache of a core.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from . import ansatz
from .backend import DeviceKind, device, started

if TYPE_CHECKING:
    from collections.abc import Callable

Floats = NDArray[np.float64]
Refinement = Literal["none", "sweeps", "bfgs", "lbfgs"]
_SCIPY: Final = {"bfgs": "BFGS", "lbfgs": "L-BFGS-B"}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How states are compressed.

    Attributes
    ----------
    n_wires, layers
        Of the circuit.
    sweeps
        Of stage 1.
    refinement, iterations
        Method of stage 2 and its number of iterations (for ``"sweeps"``: of further sweeps).
    """

    n_wires: int = 13
    layers: int = 4
    sweeps: int = 100
    refinement: Refinement = "bfgs"
    iterations: int = 50


@dataclass(frozen=True, slots=True)
class Cost:
    """What one state cost, in seconds on the worker; ``cpu`` counts all threads of the process."""

    sweep_s: float
    refine_s: float
    cpu_s: float


@dataclass(slots=True)
class _Clock:
    """Seconds that this process has spent compiling."""

    spent_s: float = 0.0


_clock = _Clock()


def compile_seconds() -> float:
    """Return the seconds that this process has spent compiling so far."""
    return _clock.spent_s


def _compiled(function: Callable[..., Any], *shapes: tuple[int, ...], kind: DeviceKind) -> Callable[..., Any]:
    jax = started()
    start_s = time.perf_counter()
    with jax.default_device(device(kind)):
        arguments = [jax.ShapeDtypeStruct(shape, np.float64) for shape in shapes]
        found: Callable[..., Any] = jax.jit(function).lower(*arguments).compile()
    _clock.spent_s += time.perf_counter() - start_s
    return found


@lru_cache(maxsize=8)
def compiled(recipe: Recipe) -> dict[str, Callable[..., Any]]:
    """Return the compiled functions of a recipe on the CPU; compiling happens once for each process."""
    n = recipe.n_wires
    pair, target = (recipe.layers, n - 1, 4), (2**n,)
    functions = {"sweep": _compiled(_sweeps(n, recipe.sweeps), pair, pair, target, kind="cpu")}
    if recipe.refinement == "sweeps":
        functions["more"] = _compiled(_sweeps(n, recipe.iterations), pair, pair, target, kind="cpu")
    elif recipe.refinement != "none":
        flat = (ansatz.n_angles(n, recipe.layers),)
        functions["slope"] = _compiled(value_and_gradient(n, recipe.layers), flat, target, kind="cpu")
    return functions


def compress(target: Floats, recipe: Recipe) -> tuple[Floats, float, Cost]:
    """Fit one state on the CPU.

    Parameters
    ----------
    target
        Real, of norm 1, shape (2ⁿ,).

    Returns
    -------
    angles
        Shape (n_angles,).
    fidelity
        |⟨t|ψ⟩|² of the circuit with these angles.
    cost
        Without compiling, if `compiled` was called before.
    """
    functions = compiled(recipe)
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    p, q, overlap = functions["sweep"](*_identity(recipe), target)
    angles = ansatz.angles(np.asarray(p), np.asarray(q), recipe.n_wires)
    fidelity = float(overlap) ** 2
    swept_s = time.perf_counter()
    if recipe.refinement == "sweeps":
        p, q, overlap = functions["more"](p, q, target)
        angles = ansatz.angles(np.asarray(p), np.asarray(q), recipe.n_wires)
        fidelity = float(overlap) ** 2
    elif recipe.refinement != "none":
        angles, fidelity = _refined(angles, target, functions["slope"], recipe)
    end_s = time.perf_counter()
    return angles, fidelity, Cost(swept_s - start_s, end_s - swept_s, time.process_time() - start_cpu_s)


def _identity(recipe: Recipe) -> tuple[Floats, Floats]:
    one = np.zeros((recipe.layers, recipe.n_wires - 1, 4))
    one[..., 0] = 1
    return one, one


def _refined(angles: Floats, target: Floats, slope: Callable[..., Any], recipe: Recipe) -> tuple[Floats, float]:
    from scipy.optimize import minimize

    def cost(values: Floats) -> tuple[float, Floats]:
        value, gradient = slope(values, target)
        return float(value), np.asarray(gradient)

    limits: dict[str, Any] = {"maxiter": recipe.iterations, "gtol": 1e-12}
    found = minimize(cost, angles, jac=True, method=_SCIPY[recipe.refinement], options=limits)
    return np.asarray(found.x, dtype=np.float64), 1 - float(found.fun)


@lru_cache(maxsize=8)
def _compiled_many(recipe: Recipe, states: int, sweeps: int, kind: DeviceKind) -> Callable[..., Any]:
    n = recipe.n_wires
    pair, target = (states, recipe.layers, n - 1, 4), (states, 2**n)
    return _compiled(started().vmap(_sweeps(n, sweeps)), pair, pair, target, kind=kind)


def compress_many(targets: Floats, recipe: Recipe, kind: DeviceKind) -> tuple[Floats, Floats, Cost, float]:
    """Fit many states at once, by ``vmap``; for devices that are wide. Refinement is by further sweeps, or none.

    Returns
    -------
    angles
        Shape (m, n_angles).
    fidelities
        Shape (m,).
    cost
        Of all states together.
    compile_s
        Seconds spent compiling.

    Raises
    ------
    miniapps._qml.backend.GpuMissing
        If there is no device of this kind.
    """
    further = recipe.iterations if recipe.refinement == "sweeps" else 0
    before_s, m = compile_seconds(), len(targets)
    first = _compiled_many(recipe, m, recipe.sweeps, kind)
    second = _compiled_many(recipe, m, further, kind) if further else None
    compile_s = compile_seconds() - before_s
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    one = np.tile(_identity(recipe)[0], (m, 1, 1, 1))
    p, q, overlaps = started().block_until_ready(first(one, one, targets))
    swept_s = time.perf_counter()
    if second is not None:
        p, q, overlaps = started().block_until_ready(second(p, q, targets))
    angles = [ansatz.angles(*pair, recipe.n_wires) for pair in zip(np.asarray(p), np.asarray(q), strict=True)]
    end_s = time.perf_counter()
    cost = Cost(swept_s - start_s, end_s - swept_s, time.process_time() - start_cpu_s)
    return np.stack(angles), np.asarray(overlaps) ** 2, cost, compile_s


# ---------------------------------------------------------------- traced by JAX


def _apply(state: Any, gate: Any, wire: int) -> Any:
    """Apply a 4×4 gate on wires (wire, wire + 1): sums of products, which XLA makes one pass over the state."""
    import jax.numpy as jnp

    parts = state.reshape(2**wire, 4, -1)
    rows = [sum(gate[a, b] * parts[:, b] for b in range(4)) for a in range(4)]
    return jnp.stack(rows, axis=1).reshape(state.shape)


def _environment(left: Any, right: Any, wire: int) -> Any:
    """Return E with ⟨left|G|right⟩ = Σ G_ab·E_ab for a gate on wires (wire, wire + 1)."""
    import jax.numpy as jnp

    shape = (2**wire, 4, -1)
    return jnp.einsum("iaj,ibj->ab", left.reshape(shape), right.reshape(shape))


def _pulled_back(gates: Any, target: Any, wires: tuple[int, ...]) -> Any:
    """Return the target behind all gates: what the circuit's first state must resemble, shape (2ⁿ,).

    The states in between are not kept: who goes forward again gets each back by applying its gate (an orthogonal
    matrix), which costs less than memory outside the cache.
    """
    from jax import lax

    def layer(state: Any, of_layer: Any) -> tuple[Any, None]:
        for place in reversed(range(len(wires))):
            state = _apply(state, of_layer[place].T, wires[place])
        return state, None

    return lax.scan(layer, target, gates, reverse=True)[0]


def _sweeps(n: int, number: int) -> Callable[..., Any]:
    """Return ``(p, q, target) -> (p, q, overlap)`` that sweeps ``number`` times."""
    from jax import lax
    from jax import numpy as jnp

    wires, products = ansatz.order(n), ansatz.basis()

    def gates_of(p: Any, q: Any) -> Any:
        return jnp.einsum("...j,...k,jkab->...ab", p, q, products)

    def layer(states: Any, of_layer: Any) -> tuple[Any, Any]:
        behind, state = states
        found = []
        for place, wire in enumerate(wires):
            behind = _apply(behind, of_layer[place], wire)
            environment = _environment(behind, state, wire)
            u, _, vt = jnp.linalg.svd(jnp.einsum("jkab,ab->jk", products, environment))
            found.append((u[:, 0], vt[0]))
            state = _apply(state, gates_of(u[:, 0], vt[0]), wire)
        return (behind, state), (jnp.stack([p for p, _ in found]), jnp.stack([q for _, q in found]))

    def sweep(_: Any, carried: Any) -> Any:
        p, q, target, _ = carried
        gates = gates_of(p, q)
        start = _pulled_back(gates, target, wires), jnp.zeros_like(target).at[0].set(1)
        (_, state), (p, q) = lax.scan(layer, start, gates)
        return p, q, target, target @ state

    def sweeps(p: Any, q: Any, target: Any) -> tuple[Any, Any, Any]:
        p, q, _, overlap = lax.fori_loop(0, number, sweep, (p, q, target, jnp.zeros((), target.dtype)))
        return p, q, overlap

    return sweeps


def _gates(four: Any) -> Any:
    """Return the matrices of gates from their angles, shape (..., 4) to (..., 4, 4)."""
    from jax import numpy as jnp

    c, s = jnp.cos(four / 2), jnp.sin(four / 2)
    inner_a, inner_b, outer_a, outer_b = ((c[..., i], s[..., i]) for i in range(4))
    zero = jnp.zeros_like(c[..., 0])
    # Quaternions of exp(outer·IY)·exp(inner·YZ) and exp(outer·YI)·exp(inner·XY), see the module `ansatz`.
    p = (outer_b[0] * inner_a[0], outer_b[1] * inner_a[0], outer_b[1] * inner_a[1], outer_b[0] * inner_a[1])
    q = (outer_a[0] * inner_b[0], outer_a[1] * inner_b[0], outer_a[0] * inner_b[1], zero - outer_a[1] * inner_b[1])
    return jnp.einsum("...j,...k,jkab->...ab", jnp.stack(p, -1), jnp.stack(q, -1), ansatz.basis())


def _product_state(angles: Any) -> Any:
    from jax import numpy as jnp

    state = jnp.ones(1, angles.dtype)
    for wire in range(angles.shape[0]):
        state = jnp.kron(state, jnp.stack([jnp.cos(angles[wire] / 2), jnp.sin(angles[wire] / 2)]))
    return state


def statevector(n: int, layers: int) -> Callable[[Any], Any]:
    """Return a function of the angles that gives the state of the circuit, shape (2ⁿ,); JAX can trace it."""
    from jax import lax

    wires = ansatz.order(n)

    def layer(state: Any, gates: Any) -> tuple[Any, None]:
        for place, wire in enumerate(wires):
            state = _apply(state, gates[place], wire)
        return state, None

    def state_of(angles: Any) -> Any:
        gates = _gates(angles[n:].reshape(layers, n - 1, ansatz.ANGLES))
        return lax.scan(layer, _product_state(angles[:n]), gates)[0]

    return state_of


def value_and_gradient(n: int, layers: int) -> Callable[..., Any]:
    """Return ``(angles, target) -> (1 - |⟨t|ψ⟩|², gradient)``, differentiated by the adjoint method."""
    import jax
    from jax import lax
    from jax import numpy as jnp

    wires = ansatz.order(n)

    def layer(states: Any, gates: Any) -> tuple[Any, Any]:
        behind, state = states
        environments = []
        for place, wire in enumerate(wires):
            behind = _apply(behind, gates[place], wire)
            environments.append(_environment(behind, state, wire))
            state = _apply(state, gates[place], wire)
        return (behind, state), jnp.stack(environments)

    def slope(angles: Any, target: Any) -> tuple[Any, Any]:
        four = angles[n:].reshape(layers, n - 1, ansatz.ANGLES)
        gates, back_gates = jax.vjp(_gates, four)
        start, back_start = jax.vjp(_product_state, angles[:n])
        front = _pulled_back(gates, target, wires)
        (_, end), environments = lax.scan(layer, (front, start), gates)
        overlap = target @ end
        gradient = jnp.concatenate([back_start(front)[0], back_gates(environments)[0].reshape(-1)])
        return 1 - overlap**2, -2 * overlap * gradient

    return slope
