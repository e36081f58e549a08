"""C.5: what a circuit is worth, by two ways; what the models propose and how they learn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from miniapps.generative import born, check, pool, transformer
from miniapps.generative.params import Generative

MACHINES = [
    Generative(model="qcbm", layers=2),
    Generative(model="qcbm", layers=1, loss="kl"),
    Generative(model="qcbm", problem="gaussian", n_qubits=3, layers=2),
]
SIZES = transformer.Sizes(operators=25, length=4, width=8, heads=2, blocks=1)


def _model(seed: int) -> transformer.Model:
    return transformer.Model(SIZES, transformer.first_weights(SIZES, seed), "cpu")


def _recipe(params: Generative) -> born.Recipe:
    name = "gaussian" if params.problem == "gaussian" else "bars_and_stripes"
    return born.Recipe(name, params.n_qubits or 0, params.layers, params.loss)


@pytest.mark.parametrize("name", ["h2", "lih", "h4"])
def test_energies_are_those_of_qiskit(name: str) -> None:
    recipe = pool.Recipe(name, (0.1, 0.7))
    sequences = np.random.default_rng(3).integers(0, recipe.size, (2, 6), dtype=np.int32)
    expected = [check.energy(recipe, sequence) for sequence in sequences]
    np.testing.assert_allclose(pool.energies(recipe, sequences), expected, atol=1e-9)


def test_an_energy_does_not_depend_on_what_is_computed_beside_it() -> None:
    recipe = pool.Recipe("h4", (0.1, 0.2))
    sequences = np.random.default_rng(5).integers(0, recipe.size, (30, 5), dtype=np.int32)
    alone = np.concatenate([pool.energies(recipe, sequences[k : k + 1]) for k in range(30)])
    assert pool.energies(recipe, sequences).tobytes() == alone.tobytes()


@pytest.mark.parametrize("params", MACHINES, ids=lambda params: f"{params.problem}-{params.loss}")
def test_losses_and_slopes_of_a_born_machine(params: Generative) -> None:
    recipe = _recipe(params)
    angles = np.random.default_rng(1).normal(size=recipe.n_parameters)
    found = born.distributions(recipe, born.shifted(angles))
    assert len(found) == params.batch
    assert born.losses(recipe, found)[0] == pytest.approx(check.loss(params, angles), abs=1e-10)
    slopes, step = born.slopes(recipe, found), 1e-5
    moved = angles + step * np.array([[1.0], [-1.0]]) * np.eye(angles.size)[4]
    above, below = born.losses(recipe, born.distributions(recipe, moved))
    assert slopes[4] == pytest.approx((above - below) / (2 * step), abs=1e-6)


def test_the_images_are_bars_and_stripes() -> None:
    expected = {0b0000, 0b1111, 0b0011, 0b1100, 0b0101, 0b1010}
    assert set(np.flatnonzero(born.target(_recipe(MACHINES[0])))) == expected


def test_a_sequence_depends_on_its_own_number_only() -> None:
    model = _model(2)
    together = transformer.propose(model, range(10, 18), 7, 1.0)
    assert together.shape == (8, 4)
    assert 0 <= together.min() <= together.max() < 25
    apart = transformer.propose(model, range(14, 18), 7, 1.0)
    np.testing.assert_array_equal(apart, together[4:])
    assert (transformer.propose(model, range(10, 18), 8, 1.0) != together).any()


def test_logits_see_only_what_came_before() -> None:
    weights = transformer.first_weights(SIZES, 2)
    tokens = np.array([[25, 3, 9, 1], [25, 3, 9, 20]])
    first, second = np.asarray(transformer.logits(SIZES, weights, tokens))
    np.testing.assert_allclose(first[:3], second[:3], atol=1e-6)
    assert np.abs(first[3] - second[3]).max() > 1e-4


def test_the_loss_is_the_distance_of_summed_logits_and_its_gradient_leads_down() -> None:
    model = _model(4)
    sequences = np.array([[1, 2, 3, 4], [5, 5, 0, 24]], np.int32)
    targets = np.array([-1.0, 2.0], np.float32)
    loss, slopes = transformer.gradient(model, sequences, targets)
    begun = np.concatenate([np.full((2, 1), 25), sequences[:, :-1]], axis=1)
    logits = np.asarray(transformer.logits(SIZES, model.weights, begun), float)
    sums = [sum(logits[row, place, sequences[row, place]] for place in range(4)) for row in range(2)]
    assert loss == pytest.approx(np.mean((np.array(sums) - targets) ** 2), rel=1e-4)
    step = 1e-4
    lower, _ = transformer.gradient(replace(model, weights=model.weights - step * slopes), sequences, targets)
    assert loss - lower == pytest.approx(step * float(slopes @ slopes), rel=0.05)
