"""SQD, the variant of C.2 with heavy diagonalisation: exact energies of a small molecule, noise, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

import miniapps
from miniapps import Measurement
from miniapps._variational import molecule
from miniapps._variational.integrals import integrals
from miniapps._variational.problem import SUBSPACES
from miniapps.vqa_sequential.params import VqaSequential
from pilot_quantum import PilotDescription, PilotManager

APP = miniapps.load("vqa_sequential")
H4: dict[str, Any] = {"method": "sqd", "problem": "h4", "shots": 400, "samples": 40, "subspaces": 2}


def _run(params: VqaSequential) -> Measurement:
    with PilotManager() as manager:  # in this process: the libraries take seconds to import
        manager.submit_pilot(PilotDescription(engine="inline", cores_per_node=1)).wait(30)
        with manager.runtime(time_limit_s=90) as runtime:
            return APP.run(params, runtime)


def _metric(measurement: Measurement, name: str) -> float:
    value = measurement.metrics[name].value
    assert value is not None
    return float(value)


def test_noisy_samples_lead_to_the_exact_energy() -> None:
    params = VqaSequential(**H4, noise=0.05, tolerance=1e-6)
    measurement = _run(params)
    assert APP.check(params, measurement).verdict == "pass"
    assert _metric(measurement, "valid_share") < 0.9
    assert _metric(measurement, "diagonalisations") == 2 * _metric(measurement, "iterations")
    assert _metric(measurement, "dimension_max") <= _metric(measurement, "space") == 36
    assert _run(params).digest == measurement.digest
    for wrong in (measurement.answer + 1e-4, measurement.answer - 1e-4):
        assert APP.check(params, Measurement(wrong, {})).verdict == "fail"


def test_few_samples_without_noise_miss_what_was_never_sampled() -> None:
    params = VqaSequential(**{**H4, "shots": 12}, noise=0.0)
    measurement = _run(params)
    assert _metric(measurement, "valid_share") == 1
    assert _metric(measurement, "error") > 1e-5
    assert APP.check(VqaSequential(**H4, tolerance=1e-6), measurement).verdict == "fail"


@pytest.mark.parametrize("name", SUBSPACES)
def test_the_integrals_have_the_symmetries_of_real_orbitals(name: str) -> None:
    known = integrals(name)
    assert known.orbitals == SUBSPACES[name].n_qubits // 2
    assert known.pairs == SUBSPACES[name].electrons // 2
    np.testing.assert_allclose(known.one, known.one.T, atol=1e-12)
    for order in ((1, 0, 2, 3), (0, 1, 3, 2), (2, 3, 0, 1)):
        np.testing.assert_array_equal(known.two, known.two.transpose(order))


@pytest.mark.parametrize("name", ["lih", "h4"])
def test_integrals_and_pauli_terms_agree_on_hartree_fock(name: str) -> None:
    known, k = integrals(name), integrals(name).pairs
    filled = known.two[:k, :k, :k, :k]
    repulsion = 2 * np.einsum("iijj->", filled) - np.einsum("ijji->", filled)
    where = molecule.space(name)
    state = molecule.hartree_fock(name, where)
    (hamiltonian,) = molecule.matrices(name, 1)
    assert known.core + 2 * np.trace(known.one[:k, :k]) + repulsion == pytest.approx(
        state @ hamiltonian @ state, abs=1e-7
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"problem": "n2"}, "its circuit is too wide here"),
        ({"method": "sqd", "problem": "h2"}, "choose from lih, h4, n2"),
        ({"method": "sqd", "problem": "ring"}, "method 'sqd' takes one of lih, h4, n2"),
        ({"method": "sqd", "problem": "h4", "optimiser": "adam"}, "optimiser = 'adam': belongs to method = 'vqa'"),
        ({"shots": 5}, "shots = 5: belongs to method = 'sqd'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_parameters_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        VqaSequential(**given)
