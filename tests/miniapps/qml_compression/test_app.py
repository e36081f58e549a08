"""The compression stage: same circuits on every engine and portion, honest numbers, a check that notices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from miniapps import Unsupported, load
from miniapps._circuits.qiskit_io import load_circuits
from miniapps._qml.cifar import DataError
from miniapps.qml_compression.flow import batches, estimate, images_per_task, recipe, run
from miniapps.qml_compression.kernels import openqasm, targets
from miniapps.qml_compression.params import QmlCompression
from pilot_quantum import PilotDescription, PilotManager

APP = load("qml_compression")
SMALL = QmlCompression(image_size=4, layers=2, sweeps=5, iterations=5, n_images=6, seed=1)


@pytest.fixture(scope="module", params=["inline", "processes"])
def manager(request: pytest.FixtureRequest) -> Iterator[PilotManager]:
    with PilotManager() as manager:
        manager.submit_pilot(PilotDescription(name="p", engine=request.param, cores_per_node=2)).wait(90)
        yield manager


def _run(manager: PilotManager, params: QmlCompression) -> Any:
    with manager.runtime(pilots=["p"]) as runtime:
        return APP.run(params, runtime)


@pytest.fixture(scope="module")
def inline() -> Iterator[PilotManager]:
    with PilotManager() as manager:
        manager.submit_pilot(PilotDescription(name="p", engine="inline")).wait(30)
        yield manager


def test_every_engine_and_portion_gives_the_same_circuits(manager: PilotManager, inline: PilotManager) -> None:
    expected = _run(inline, SMALL)
    for size in (1, 4):
        measurement = _run(manager, SMALL.model_copy(update={"images_per_task": size}))
        assert measurement.digest == expected.digest
        assert measurement.metrics["tasks"].value == -(-6 // size)
    verdict = APP.check(SMALL, expected)
    assert (verdict.verdict, verdict.tolerance) == ("pass", 1e-9)
    assert expected.metrics["angles"].value == 7 + 4 * 2 * 6
    assert 0 < expected.metrics["fidelity_min"].value <= expected.metrics["fidelity_mean"].value <= 1


def test_images_are_the_same_wherever_a_case_begins(inline: PilotManager) -> None:
    later = _run(inline, SMALL.model_copy(update={"first_image": 4, "n_images": 2}))
    assert (later.answer.angles == _run(inline, SMALL).answer.angles[4:]).all()


@pytest.mark.parametrize("spoilt", ["angle", "fidelity", "missing", "nan"])
def test_a_wrong_circuit_is_noticed(inline: PilotManager, spoilt: str) -> None:
    measurement = _run(inline, SMALL)
    answer = measurement.answer
    if spoilt == "angle":
        answer.angles[:, 5] += 0.01
    elif spoilt == "fidelity":
        answer.fidelities[:] *= 0.999
    elif spoilt == "nan":
        answer.angles[0, 0] = np.nan
    else:
        answer = replace(answer, angles=answer.angles[1:], fidelities=answer.fidelities[1:])
    everything = SMALL.model_copy(update={"check_fraction": 1.0})
    assert APP.check(everything, replace(measurement, answer=answer)).verdict == "fail"


def test_circuits_leave_as_openqasm(inline: PilotManager, tmp_path: Path) -> None:
    from qiskit.quantum_info import Statevector

    answer = _run(inline, SMALL).answer
    file = tmp_path / "image.qasm"
    file.write_text(openqasm(answer, recipe(SMALL))[2])
    (circuit,) = load_circuits(str(file))
    fidelity = abs(np.vdot(targets(batches(SMALL, 1)[2])[0], Statevector(circuit).data)) ** 2
    assert fidelity == pytest.approx(answer.fidelities[2], abs=1e-10)


def test_the_published_method_runs_and_passes_the_same_check(inline: PilotManager) -> None:
    params = QmlCompression(
        image_size=4, layers=1, sweeps=2, iterations=2, n_images=1, method="published", check_fraction=1.0
    )
    assert params.refinement == "bfgs"
    assert APP.check(params, _run(inline, params)).verdict == "pass"


def test_without_a_gpu_the_case_is_unsupported_and_says_why() -> None:
    params = QmlCompression(device="gpu", refinement="none")
    runtime = SimpleNamespace(pilots=lambda: (SimpleNamespace(workers=2, gpus=0),), stage=lambda _name: nullcontext())
    with pytest.raises(Unsupported, match="no GPU is present: no pilot of this case holds one"):
        run(params, runtime)  # type: ignore[arg-type]  # all that is used of a runtime


def test_a_wrong_file_fails_with_its_own_line(inline: PilotManager, tmp_path: Path) -> None:
    file = tmp_path / "torn.bin"
    file.write_bytes(bytes(5000))
    params = SMALL.model_copy(update={"source": "cifar10", "path": str(file)})
    with pytest.raises(DataError, match=r"torn\.bin: 5000 bytes; expected a whole number of records"):
        _run(inline, params)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"path": "x"}, "is embedded and takes no path"),
        ({"source": "cifar10"}, "needs the path of the user's files"),
        ({"source": "cifar10", "path": "x", "first_image": 49_990, "n_images": 11}, "has 50,000 images"),
        ({"device": "gpu"}, "needs method 'dense' and refinement 'none' or 'sweeps'"),
        ({"method": "published", "refinement": "lbfgs"}, "method 'published' has 'bfgs' or 'none'"),
        ({"sweeps": 0, "refinement": "none"}, "nothing would be fitted"),
        ({"images_per_task": 0}, "must be 1 or more, or 'auto'"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        QmlCompression(**given)


@given(st.integers(1, 2000), st.integers(1, 500), st.sampled_from([4, 8, 32]))
def test_portions_carry_all_images(n_images: int, slots: int, size: int) -> None:
    params = QmlCompression(n_images=n_images, image_size=size)  # type: ignore[arg-type]  # one of the sizes
    portion = images_per_task(params, slots)
    assert 1 <= portion <= n_images
    covered = [i for batch in batches(params, portion) for i in range(batch.start, batch.stop)]
    assert covered == list(range(n_images))
    assert estimate(params).extra["angles"] == {4: 103, 8: 137, 32: 205}[size]
