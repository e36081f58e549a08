"""Parameters: what is implied is written down, what makes no sense is refused with the reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from miniapps.circuit_execution.params import CircuitExecution

BELL = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; h q[0]; cx q[0],q[1];'


def _read(values: dict[str, Any]) -> CircuitExecution:
    """Validate as the harness does."""
    return CircuitExecution.model_validate_json(json.dumps(values), strict=True)


@pytest.mark.parametrize(
    ("given", "implied"),
    [
        ({}, {"depth": 10, "reps": None, "observables": None}),
        ({"family": "ghz"}, {"depth": None, "reps": None}),
        ({"family": "qaoa_ring"}, {"depth": None, "reps": 1}),
        ({"primitive": "estimator"}, {"observables": "z_last"}),
    ],
)
def test_what_is_implied_is_written_down(given: dict[str, Any], implied: dict[str, Any]) -> None:
    params = _read(given)
    assert {key: getattr(params, key) for key in implied} == implied
    assert _read(params.model_dump(mode="json")) == params


def test_a_file_brings_its_width_and_hash(tmp_path: Path) -> None:
    path = tmp_path / "bell.qasm"
    path.write_text(BELL)
    params = _read({"family": "file", "path": str(path)})
    assert params.n_qubits == 2
    assert _read(params.model_dump(mode="json")) == params
    path.write_text(BELL + " x q[0];")
    with pytest.raises(ValidationError, match=r"file_sha256 = '.*': the file .* has"):
        _read(params.model_dump(mode="json"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"shots": 0}, "shots = 0: a sampler needs 1 or more"),
        ({"observables": "parity"}, "observables = 'parity': only the primitive 'estimator'"),
        ({"primitive": "estimator", "observables": "ZZ"}, "'ZZ' is neither a string of 8 letters"),
        ({"primitive": "estimator", "observables": "ABCDEFGH"}, "nor one of z_last, z_all, parity"),
        ({"method": "stabilizer"}, "choose family ghz, file, or another method"),
        ({"method": "stabilizer", "family": "ghz", "precision": "single"}, "precision = 'single': needs one of"),
        ({"method": "matrix_product_state", "gpu": True}, "gpu = True: needs one of"),
        ({"family": "ghz", "depth": 3}, "depth = 3: family 'ghz' has none; depth belongs to random"),
        (
            {"reps": 2},
            "reps = 2: family 'random' has none; reps belongs to efficient_su2, strongly_entangling, qaoa_ring",
        ),
        ({"angle": 0.4}, "angle belongs to efficient_su2, strongly_entangling, qaoa_ring"),
        ({"path": "a.qasm"}, "path belongs to file"),
        ({"family": "qaoa_ring", "n_qubits": 1}, "n_qubits = 1: family 'qaoa_ring' needs 2 or more"),
        ({"family": "file"}, "path = None: family 'file' needs the path"),
        ({"family": "file", "path": "/nowhere/a.qasm"}, "there is no such file"),
        ({"circuits_per_task": 0}, "circuits_per_task = 0: must be 1 or more, or 'auto'"),
        ({"circuits_per_task": "many"}, "Input should be 'auto'"),
        ({"threads": 0}, "greater than or equal to 1"),
        ({"n_circuits": 2.5}, "valid integer"),
        ({"qubits": 3}, "Extra inputs are not permitted"),
    ],
)
def test_bad_values_are_refused_with_the_rule(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        _read(values)


def test_a_file_of_another_width_than_asked_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bell.qasm"
    path.write_text(BELL)
    with pytest.raises(ValidationError, match=r"n_qubits = 3: the file .* has 2"):
        _read({"family": "file", "path": str(path), "n_qubits": 3})


def test_every_parameter_is_described() -> None:
    assert [name for name, field in CircuitExecution.model_fields.items() if not field.description] == []


def test_named_observables_are_pauli_strings() -> None:
    base = {"primitive": "estimator", "n_qubits": 3}
    found = {name: _read({**base, "observables": name}).paulis() for name in ("z_last", "z_all", "parity", "XII, IYZ")}
    assert found == {
        "z_last": ("ZII",),
        "z_all": ("IIZ", "IZI", "ZII"),
        "parity": ("ZZZ",),
        "XII, IYZ": ("XII", "IYZ"),
    }
