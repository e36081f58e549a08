"""One training step in seven ways: loss, gradient, share of right answers, Adam's update. Worker side.

``sequential``, ``vmap``, ``jit`` and ``vmap_jit`` are the published ones: functions of one image on PennyLane's
``default.qubit``, each compiled or not, mapped over the batch by ``vmap`` or a Python loop; a step calls loss, gradient
and model one after the other, and Adam outside. ``fused`` is one compiled function of the whole batch on the same
circuit. ``direct`` is `miniapps._qml.classifier`. ``lightning`` takes the images one by one, with adjoint gradients in
C++.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .._qml import classifier
from .._qml.backend import started

if TYPE_CHECKING:
    from .params import Mode

Step = Callable[[Any, Any, Any, Any], tuple[Any, ...]]
"""``(weights, optimiser, states, labels)`` to loss, gradient, share right, new weights, new state of the optimiser."""


@lru_cache(maxsize=16)
def step_of(mode: Mode, n_wires: int, classes: int, *, learning_rate: float) -> Step:
    """Return the step of a mode; the same one for the next call in this process, so that it is compiled once."""
    if mode == "direct":
        return classifier.step(classes, learning_rate)
    device = "lightning.qubit" if mode == "lightning" else "default.qubit"
    circuit = _circuit(n_wires, classes, device)
    if mode == "fused":
        return _fused(circuit, classes, learning_rate)
    return _published(circuit, learning_rate, compiled="jit" in mode, mapped="vmap" in mode)


def _circuit(n_wires: int, classes: int, device: str) -> Callable[[Any, Any], Any]:
    import pennylane as qml

    jnp = started().numpy
    method = "adjoint" if device == "lightning.qubit" else "backprop"

    def circuit(weights: Any, state: Any) -> Any:
        qml.StatePrep(state, wires=range(n_wires), validate_norm=False)
        for layer in weights:
            for wire in range(n_wires):
                qml.Rot(*layer[wire], wires=wire)
            for wire in range(n_wires):
                qml.CNOT([wire, (wire + 1) % n_wires])
        return [qml.expval(qml.PauliZ(wire)) for wire in range(classes)]

    node = qml.QNode(circuit, qml.device(device, wires=n_wires), interface="jax", diff_method=method)
    return lambda weights, state: jnp.stack(node(weights, state))


def _adam(learning_rate: float) -> Callable[[Any, Any, Any], tuple[Any, Any]]:
    import optax

    adam = optax.adam(learning_rate)

    def update(gradient: Any, optimiser: Any, weights: Any) -> tuple[Any, Any]:
        updates, optimiser = adam.update(gradient, optimiser, weights)
        return optax.apply_updates(weights, updates), optimiser

    return update


def _published(circuit: Callable[[Any, Any], Any], rate: float, *, compiled: bool, mapped: bool) -> Step:
    jax = started()
    jnp, update = jax.numpy, _adam(rate)

    def cost(weights: Any, state: Any, label: Any) -> Any:
        return -jax.nn.log_softmax(circuit(weights, state))[label]

    def over_batch(function: Callable[..., Any]) -> Callable[..., Any]:
        one = jax.jit(function) if compiled else function
        if mapped:
            mapped_function: Callable[..., Any] = jax.vmap(one, in_axes=(None, 0, 0))
            return mapped_function
        return lambda weights, *batch: jnp.stack([one(weights, *row) for row in zip(*batch, strict=True)])

    costs, slopes = over_batch(cost), over_batch(jax.grad(cost))
    models = over_batch(lambda weights, state, _label: circuit(weights, state))

    def step(weights: Any, optimiser: Any, states: Any, labels: Any) -> tuple[Any, ...]:
        value = jnp.mean(costs(weights, states, labels))
        gradient = jnp.mean(slopes(weights, states, labels), axis=0)
        right = jnp.mean(jnp.argmax(models(weights, states, labels), axis=1) == labels)
        return value, gradient, right, *update(gradient, optimiser, weights)

    return step


def _fused(circuit: Callable[[Any, Any], Any], classes: int, rate: float) -> Step:
    jax = started()
    jnp, update = jax.numpy, _adam(rate)

    def loss(weights: Any, states: Any, labels: Any) -> tuple[Any, Any]:
        found = jax.vmap(circuit, in_axes=(None, 0))(weights, states)
        return classifier.cross_entropy(found.reshape(-1, classes), labels), found

    def step(weights: Any, optimiser: Any, states: Any, labels: Any) -> tuple[Any, ...]:
        (value, found), gradient = jax.value_and_grad(loss, has_aux=True)(weights, states, labels)
        right = jnp.mean(jnp.argmax(found, axis=1) == labels)
        return value, gradient, right, *update(gradient, optimiser, weights)

    compiled: Step = jax.jit(step)
    return compiled
