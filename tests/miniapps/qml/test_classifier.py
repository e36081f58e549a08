"""The classifier as dense linear algebra, against circuits simulated gate by gate."""

from __future__ import annotations

import numpy as np
import pytest

from miniapps._circuits import dense
from miniapps._circuits.gates import Circuit
from miniapps._qml import backend, classifier, reference

RNG = np.random.default_rng(4)


def _states(batch: int, n: int) -> classifier.Floats:
    states = RNG.normal(size=(batch, 2**n))
    return np.asarray(states / np.linalg.norm(states, axis=1, keepdims=True))


@pytest.mark.parametrize(("n", "layers"), [(3, 1), (5, 2), (7, 3)])
def test_loss_gradient_and_logits_are_those_of_the_circuit(n: int, layers: int) -> None:
    states, labels = _states(4, n), np.array([0, 2, 1, 2])
    weights = RNG.uniform(-3, 3, (layers, n, 3))
    (loss, logits), gradient = classifier.gradient_of(3)(weights, states, labels)
    value, slope = reference.loss_and_gradient(weights, states, labels, 3)
    assert np.abs(np.asarray(logits) - reference.logits(weights, states, 3)).max() < 1e-12
    assert float(loss) == pytest.approx(value, abs=1e-12)
    assert np.abs(np.asarray(gradient) - slope).max() < 1e-12


def test_the_reference_is_the_gate_list_on_the_dense_simulator() -> None:
    """From |0…0⟩: the reference's rotations, CNOTs and read-out, against circuits in another convention."""
    n = 4
    weights = RNG.uniform(-3, 3, (2, n, 3))
    gates = []
    for layer in weights:
        for wire in range(n):
            gates += [
                (name, (n - 1 - wire,), (float(angle),))
                for name, angle in zip(("rz", "ry", "rz"), layer[wire], strict=True)
            ]
        gates += [("cx", (n - 1 - wire, n - 1 - (wire + 1) % n), ()) for wire in range(n)]
    state = dense.statevector(Circuit(n, tuple(gates)))
    expected = [
        dense.expectation(state, "".join("Z" if place == wire else "I" for place in range(n))) for wire in range(3)
    ]
    zero = np.zeros((1, 2**n))
    zero[0, 0] = 1
    assert reference.logits(weights, zero, 3)[0] == pytest.approx(expected, abs=1e-12)


def test_the_gradient_of_the_reference_is_that_of_differences() -> None:
    states, labels, weights = _states(2, 4), np.array([1, 0]), RNG.uniform(-3, 3, (2, 4, 3))
    _, gradient = reference.loss_and_gradient(weights, states, labels, 2)
    for place in np.ndindex(weights.shape):
        ends = []
        for sign in (1, -1):
            moved = weights.copy()
            moved[place] += sign * 1e-5
            ends.append(reference.loss_and_gradient(moved, states, labels, 2)[0])
        assert gradient[place] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-8)


def test_single_precision_stays_single_and_close() -> None:
    states, labels, weights = _states(4, 7), np.array([0, 2, 1, 2]), RNG.uniform(-3, 3, (2, 7, 3))
    given = backend.started().numpy.asarray(weights, np.float32)
    (loss, logits), gradient = classifier.gradient_of(3)(given, states.astype(np.float32), labels)
    assert {str(part.dtype) for part in (loss, logits, gradient)} == {"float32"}
    assert float(loss) == pytest.approx(reference.loss_and_gradient(weights, states, labels, 3)[0], abs=1e-5)


def test_thirteen_wires_are_three_small_products() -> None:
    assert classifier.groups(13) == (5, 4, 4)
    assert [sum(classifier.groups(n)) for n in range(3, 16)] == list(range(3, 16))


def test_a_training_step_lowers_the_loss() -> None:
    import optax

    states, labels, weights = _states(8, 5), np.array([0, 1, 2, 0, 1, 2, 0, 1]), RNG.uniform(-3, 3, (2, 5, 3))
    optimiser = optax.adam(0.1).init(weights)
    losses = []
    for _ in range(20):
        loss, _, right, weights, optimiser = classifier.step(3, 0.1)(weights, optimiser, states, labels)
        losses.append(float(loss))
        assert 0 <= float(right) <= 1
    assert losses[-1] < losses[0]
