"""A calibration goes to disk and back, and is refused on another machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qdreamer import Observation, laws
from qdreamer.calibration import BadCalibration, calibrate, load, save
from qdreamer.defaults import typed_in

HERE = {"cpu": "some core", "cores": "2", "qiskit-aer": "0.18"}


def observations() -> list[Observation]:
    law, rng = laws.load("contraction"), np.random.default_rng(1)
    cases = [{"tensors": float(c), "flops": float(g)} for c in (1, 10, 100) for g in (10, 1000)]
    return [Observation(f, float(law.row(f) @ [0.01, 1e-3, 1e-6]) * rng.lognormal(0, 0.02)) for f in cases]


def test_what_was_observed_is_fitted_and_the_rest_keeps_its_typed_in_numbers() -> None:
    model = calibrate({"contract": observations()}, name="here", fingerprint=HERE)
    assert model.models["contract"].coefficients == pytest.approx([0.01, 1e-3, 1e-6], rel=0.2)
    assert model.models["contract"].observations == 6
    assert model.models["mps"] is typed_in().models["mps"]


def test_too_few_observations_change_nothing() -> None:
    same = [observations()[0]] * 50
    model = calibrate({"contract": same}, name="here", fingerprint=HERE)
    assert model.models["contract"].observations == 0


def test_it_predicts_the_same_after_a_round_trip(tmp_path: Path) -> None:
    model = calibrate({"contract": observations()}, name="here", fingerprint=HERE)
    save(model, tmp_path / "deep" / "model.json")
    again = load(tmp_path / "deep" / "model.json", fingerprint=HERE)
    features = {"tensors": 42.0, "flops": 99.0}
    assert again.predict("contract", features) == model.predict("contract", features)
    assert (again.name, again.fingerprint, sorted(again.models)) == ("here", HERE, sorted(model.models))


def test_another_machine_is_refused_unless_told(tmp_path: Path) -> None:
    save(calibrate({}, name="here", fingerprint=HERE), tmp_path / "model.json")
    there = {**HERE, "cores": "64"}
    with pytest.raises(BadCalibration, match=r"made on another machine \(cores: 2 there, 64 here\)"):
        load(tmp_path / "model.json", fingerprint=there)
    assert load(tmp_path / "model.json", fingerprint=there, any_machine=True).name == "here (another machine)"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 1, "name": "a", "fingerprint": {}, "models": {"x": 1}}'])
def test_a_file_that_is_no_calibration_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(BadCalibration, match="is no calibration"):
        load(tmp_path / "model.json", fingerprint=HERE)
