"""B.4 as a whole: known answers of every technique, budgets, devices, and what the check refuses."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from miniapps import Measurement, Unsupported
from miniapps.error_mitigation import APP
from miniapps.error_mitigation.estimators import corrected, estimator, read_out, split
from miniapps.error_mitigation.flow import hold_to_one_device
from miniapps.error_mitigation.kernels import Ran
from miniapps.error_mitigation.libraries import cirq_and_mitiq
from miniapps.error_mitigation.on_device import pieces
from miniapps.error_mitigation.params import ErrorMitigation
from miniapps.error_mitigation.sites import Result, combined, portions, sites
from miniapps.error_mitigation.variants import base, from_cirq, representation, to_cirq, written_out
from pilot_quantum import DeviceDescription, PilotDescription, PilotManager

# Loading mitiq takes seconds: one worker of the test run does it for all.
pytestmark = pytest.mark.xdist_group("mitiq")

READING = {"read_1_for_0": 0.02, "read_0_for_1": 0.05}
ECHO = {"family": "qaoa_ring", "layers": 1, "idle": 20, "detuning": 0.03}


@pytest.fixture(scope="module")
def manager() -> Iterator[PilotManager]:
    noisy = {"target": "generic:4", "results": "noisy"}
    devices = tuple(DeviceDescription(name, "emulated", options=noisy) for name in ("a", "b"))
    with PilotManager() as held:
        held.submit_pilot(PilotDescription("here", engine="inline"))
        held.submit_pilot(PilotDescription("two", engine="processes", cores_per_node=2))
        held.submit_pilot(
            PilotDescription("qpus", engine="inline", devices=devices, device_options={"clock": "virtual"})
        )
        yield held


def run(manager: PilotManager, pilot: str = "here", **params: Any) -> tuple[ErrorMitigation, Measurement]:
    asked = ErrorMitigation(**params)
    with manager.runtime([pilot], 60) as runtime:
        return asked, APP.run(asked, runtime)


def metric(measurement: Measurement, name: str) -> float:
    found = measurement.metrics[name].value
    assert found is not None
    return found


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"extrapolation": "exponential", "observable": "parity"},
        {"folding": "local"},
        {"folding": "local", "extrapolation": "exponential", "family": "ghz", "observable": "parity"},
        {"extrapolation": "linear", "family": "ghz", "observable": "parity"},
        {"technique": "readout+zne", **READING},
    ],
)
def test_extrapolation_leaves_a_tenth_of_the_error(manager: PilotManager, params: dict[str, Any]) -> None:
    asked, found = run(manager, **params)
    assert APP.check(asked, found).verdict == "pass"
    assert metric(found, "error_before") > 10 * metric(found, "error_after") > 0


@pytest.mark.parametrize(
    "params",
    [
        {"technique": "none"},
        {"technique": "none", "shots": 2000, **READING},
        {"technique": "readout", "observable": "parity", **READING},
        {"technique": "readout", "observable": "parity", "shots": 5000, **READING},
        {"technique": "pec", "family": "random", "angle": None, "error_2q": 0.02},
        {"technique": "pec", "shots": 5000},
        {"technique": "readout+pec", "shots": 20000, "rounds": 2, **READING},
        {"technique": "ddd", **ECHO},
        {"technique": "ddd", "sequence": "xyxy", "shots": 4000, **ECHO},
        {"shots": 60000, "split": "optimal", "rounds": 3},
        {"folding": "local", "scale_factors": "1,2", "foldings": 3, "extrapolation": "linear", "least_gain": 5},
    ],
)
def test_answers_pass_the_check_and_cost_what_was_estimated(manager: PilotManager, params: dict[str, Any]) -> None:
    asked, found = run(manager, **params)
    verdict = APP.check(asked, found)
    assert verdict.verdict == "pass", verdict
    assert metric(found, "shots") == asked.shots
    assert APP.estimate(asked).extra["variants"] == metric(found, "variants")


@pytest.mark.parametrize("error", [0.0, 0.01, 0.2])
@pytest.mark.parametrize("n_qubits", [1, 2])
def test_quasi_probabilities_undo_the_noise(error: float, n_qubits: int) -> None:
    """A Pauli operator P multiplies ⟨Q⟩ by ±1, the noise by 1 - λ: the weighted sum must give 1 for every Q."""
    from miniapps.error_mitigation.transfer import _after

    rule, noise = representation(error, n_qubits), replace(ErrorMitigation().noise(), error_1q=error, error_2q=error)
    factors = sum(c * _after(n_qubits, int(p), noise) for c, p in zip(rule.coefficients, rule.paulis, strict=True))
    np.testing.assert_allclose(factors, 1, atol=1e-12)


def test_the_interval_of_a_cancellation_covers_the_truth_as_often_as_it_says(manager: PilotManager) -> None:
    """Forty independent runs: their errors in units of the standard error have variance 1, and mean 0."""
    params = {"technique": "pec", "samples": 200, "shots": 800, "error_2q": 0.03}
    found = [run(manager, seed=seed, **params)[1] for seed in range(40)]
    truth = APP.check(ErrorMitigation(**params), found[0]).expected
    assert truth is not None
    pulls = [(metric(one, "value") - truth) / metric(one, "standard_error") for one in found]
    assert abs(np.mean(pulls)) < 4 / 40**0.5
    assert 0.5 < np.var(pulls) < 1.9


def test_same_answer_on_every_engine_and_equal_circuits_are_run_once(manager: PilotManager) -> None:
    params = {"technique": "pec", "shots": 4000, "variants_per_task": 5}
    (_, here), (_, there) = (run(manager, pilot, **params) for pilot in ("here", "two"))
    assert here.digest == there.digest != ""
    assert metric(here, "variants") == 1000 > 5 * metric(here, "evaluated")
    assert metric(here, "tasks") == -(-metric(here, "evaluated") // 5)


def test_shots_go_where_they_count(manager: PilotManager) -> None:
    errors: dict[str, list[float]] = {"even": [], "optimal": []}
    for how, found in errors.items():
        for seed in range(5):
            found.append(metric(run(manager, shots=100000, split=how, rounds=5, seed=seed)[1], "standard_error"))
    assert np.mean(errors["optimal"]) < 0.97 * np.mean(errors["even"])


def test_it_stops_at_the_target_error_or_when_time_is_used_up(manager: PilotManager) -> None:
    _, found = run(manager, technique="pec", shots=500000, rounds=50, target_error=0.01)
    assert metric(found, "standard_error") <= 0.01
    assert 1 <= metric(found, "rounds") < 50
    assert metric(found, "time_to_target_s") > 0
    _, timed = run(manager, technique="pec", shots=4000, budget_s=0.2)
    assert metric(timed, "shots") == 4000 * metric(timed, "rounds")
    assert timed.digest == ""


def test_devices_get_all_variants_each(manager: PilotManager) -> None:
    params = {"technique": "readout+zne", "device": "pilot", "shots": 8000, "layers": 1}
    asked, found = run(manager, "qpus", devices="a,b", split="optimal", rounds=2, **params)
    assert APP.check(asked, found).verdict == "pass"
    assert metric(found, "devices") == 2
    assert metric(found, "shots") == 8000
    assert metric(found, "qpu_s") > 8  # four jobs' overhead, which nobody waited for
    _, many = run(manager, "qpus", devices="a", technique="none", device="pilot", shots=120001, layers=1)
    assert metric(many, "shots") == 120001  # more than a device takes at once
    site = sites(ErrorMitigation(**params))[0]
    hold_to_one_device(site, Ran((), 0.0, {"a": 3}))
    with pytest.raises(Unsupported, match="ran on 'a' and 'b', whose noise differs"):
        hold_to_one_device(site, Ran((), 0.0, {"b": 1}))


def test_a_circuit_with_many_shots_goes_in_pieces() -> None:
    assert pieces(5) == [5]
    assert pieces(20_000) == [20_000]
    assert pieces(50_001) == [16_667, 16_667, 16_667]


def test_no_device_is_starved_of_what_its_variants_need() -> None:
    """A device that was a hundred times less precise still gets two shots for each of its circuits."""
    asked = ErrorMitigation(technique="readout", device="pilot", devices="a,b", shots=1000, rounds=2)
    some = sites(asked)
    for site, ups in zip(some, (500, 5), strict=True):
        site.counts = {0: np.array([1000.0 - ups, ups]), -2: np.array([500.0, 5]), -1: np.array([5.0, 500])}
    assert min(portions(some, 14, 1, optimal=True)) >= 6
    assert sum(portions(some, 500, 1, optimal=True)) == 500
    first, second = portions(some, 500, 1, optimal=True)
    assert first < second


@pytest.mark.parametrize("scale", [1, 3, 5])
def test_odd_folds_are_mitiqs(scale: int) -> None:
    asked = ErrorMitigation(family="random", angle=None, n_qubits=3, layers=2, observable="ZIZ")
    program, (_, mitiq) = base(asked), cirq_and_mitiq()
    scaling = mitiq.zne.scaling
    for folding, fold in (("global", scaling.fold_global), ("local", scaling.fold_gates_at_random)):
        made, theirs = written_out(program, scale, folding), from_cirq(fold(to_cirq(program), scale), asked)
        assert len(made.gates) == len(theirs.gates) == scale * len(program.gates)
        for qubit in range(3):
            own, other = ([g for g in one.gates if qubit in g[1]] for one in (made, theirs))
            assert [(n, on) for n, on, _ in own] == [(n, on) for n, on, _ in other]
            assert np.concatenate([a for *_, a in own]) == pytest.approx(np.concatenate([a for *_, a in other]))


def test_compilers_do_not_undo_folded_gates_or_pulses() -> None:
    from qiskit import transpile

    from miniapps.error_mitigation.on_device import circuit
    from miniapps.error_mitigation.variants import decoupled, folded

    counts = []
    for (variant,) in folded(ErrorMitigation(scale_factors="1,3")):
        made = circuit(variant.program, [0] * len(variant.program.gates))
        counts.append(transpile(made, basis_gates=["rz", "sx", "x", "cx"], optimization_level=2).count_ops()["cx"])
    assert counts == [6, 18]
    pulsed = decoupled(ErrorMitigation(technique="ddd", **ECHO)).program
    assert "x" in {name for name, _, _ in pulsed.gates}


def test_a_missing_library_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mitiq", None)
    with pytest.raises(Unsupported, match=r"needs cirq and mitiq .* pip install"):
        cirq_and_mitiq.__wrapped__()


def test_wrong_answers_fail(manager: PilotManager) -> None:
    asked, found = run(manager)
    for field in ("value", "raw"):
        moved = replace(found.answer, **{field: Result(getattr(found.answer, field).value + 0.01, 0.0)})
        assert APP.check(asked, replace(found, answer=moved)).verdict == "fail"


def test_gradients_and_weights() -> None:
    means = np.array([0.3, 0.27, 0.24])
    for curve in ("linear", "richardson", "exponential"):
        technique = estimator(ErrorMitigation(extrapolation=curve))
        step = np.array([0.001, -0.002, 0.0005])
        moved = technique.value(means + step) - technique.value(means - step)
        assert moved == pytest.approx(2 * technique.gradient(means) @ step, rel=1e-3)
    assert split(10, [1, 1, 1]) == [3, 4, 3]
    assert split(7, [0.98, 0.0, 0.02]) == [5, 0, 2]
    assert combined([Result(1.0, 0.1), Result(2.0, 0.2)]).value == pytest.approx(1.2)


def test_the_confusion_matrix_is_told_qubit_by_qubit() -> None:
    """Errors differ by qubit, so orders cannot be mixed up unseen."""
    errors = np.array([[0.01, 0.02], [0.1, 0.2], [0.03, 0.3]])
    chances = [np.array([1.0]), np.array([1.0])]
    for a, b in reversed(errors.tolist()):
        chances = [np.kron(chances[0], [1 - a, a]), np.kron(chances[1], [b, 1 - b])]
    found, variances = read_out(*chances)
    np.testing.assert_allclose(found, errors)
    assert not variances.any()
    assert corrected(errors) @ chances[0] == pytest.approx(1)
    assert corrected(errors) @ chances[1] == pytest.approx(-1)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"technique": "pec", "folding": "local"}, "folding = 'local': belongs to zne, not to 'pec'"),
        ({"samples": 5}, "samples = 5: belongs to pec"),
        ({"scale_factors": "2,3"}, "scale_factors = '2,3': must be 2 to 8 rising numbers, the first 1"),
        ({"scale_factors": "1,x"}, "must be numbers separated by commas"),
        ({"foldings": 4}, "global folding has no random choice"),
        ({"read_1_for_0": 0.1}, "choose readout"),
        ({"technique": "ddd"}, "detuning = 0: ddd"),
        ({"technique": "pec", "detuning": 0.1}, "detuning = 0.1: pec"),
        ({"idle": 3}, "idle = 3: zne"),
        ({"family": "ghz", "layers": 3}, "layers = 3: ghz has none"),
        ({"family": "random", "angle": 0.4}, "angle = 0.4: random has no angles"),
        ({"observable": "XIII"}, "observable = 'XIII': must be z_last, parity, or 4 letters I and Z"),
        ({"technique": "pec", "shots": 100}, "need 2000 or more"),
        ({"target_error": 0.1}, "exact values"),
        ({"shots": 1000, "split": "optimal"}, "needs 2 rounds or more"),
        ({"shots": 1000, "budget_s": 1.0, "rounds": 3}, "rounds = 3: with budget_s"),
        ({"device": "pilot"}, "shots = 0: devices have no exact values"),
        ({"device": "pilot", "shots": 100, "technique": "pec", "samples": 5}, "pec needs the noise of every gate"),
        ({"device": "pilot", "shots": 100, "error_2q": 0.1}, "error_2q = 0.1: belongs to the simulator"),
        ({"devices": "a"}, "devices = 'a': belong to device = 'pilot'"),
        ({"variants_per_task": 0}, "variants_per_task = 0: must be 1 or more, or auto"),
    ],
)
def test_what_does_not_fit_is_refused(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match="validation error") as caught:
        ErrorMitigation(**params)
    assert message in str(caught.value)
