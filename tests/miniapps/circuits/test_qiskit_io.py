"""Gate lists to and from Qiskit, and user's files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit import QuantumCircuit, qasm2, qasm3, qpy
from qiskit.circuit import Parameter
from qiskit.quantum_info import Statevector

from miniapps._circuits import FAMILIES, CircuitSpec
from miniapps._circuits.dense import statevector
from miniapps._circuits.families import build
from miniapps._circuits.qiskit_io import (
    BadCircuitFile,
    NotAGateList,
    from_qiskit,
    load_circuit,
    load_circuits,
    to_qiskit,
)

SPECS = [CircuitSpec(family, 4, 2, seed=3) for family in sorted(FAMILIES)]


def _write(path: Path, circuit: QuantumCircuit) -> Path:
    if path.suffix == ".qpy":
        with path.open("wb") as file:
            qpy.dump(circuit, file)
    else:
        path.write_text((qasm3 if path.suffix == ".qasm3" else qasm2).dumps(circuit))
    return path


@given(st.sampled_from(SPECS))
def test_round_trip_through_qiskit(spec: CircuitSpec) -> None:
    circuit = build(spec)
    assert from_qiskit(to_qiskit(circuit)) == circuit
    assert from_qiskit(to_qiskit(circuit, measure=True)) == circuit


@pytest.mark.parametrize("suffix", [".qasm", ".qasm3", ".qpy"])
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.family)
def test_round_trip_through_files(spec: CircuitSpec, suffix: str, tmp_path: Path) -> None:
    circuit = build(spec)
    loaded = load_circuit(_write(tmp_path / f"circuit{suffix}", to_qiskit(circuit, measure=True)))
    assert loaded.measured is None
    assert abs(np.vdot(statevector(loaded), statevector(circuit))) == pytest.approx(1, abs=1e-9)


def test_unknown_gates_are_decomposed() -> None:
    source = QuantumCircuit(3)
    source.ecr(0, 1)
    source.mcx([0, 1], 2)
    source.barrier()
    overlap = np.vdot(statevector(from_qiskit(source)), Statevector(source).data)
    assert abs(overlap) == pytest.approx(1, abs=1e-12)


def test_final_measurements_say_which_qubit_each_bit_reads() -> None:
    source = QuantumCircuit(3, 2)
    source.h(0)
    source.measure([2, 0], [0, 1])
    assert from_qiskit(source).bits == (2, 0)


def _mid_circuit() -> QuantumCircuit:
    source = QuantumCircuit(1, 1)
    source.measure(0, 0)
    source.h(0)
    return source


def _reset() -> QuantumCircuit:
    source = QuantumCircuit(1)
    source.reset(0)
    return source


def _branching() -> QuantumCircuit:
    source = QuantumCircuit(1, 1)
    source.measure(0, 0)
    with source.if_test((source.clbits[0], 1)):
        source.x(0)
    return source


def _unwritten() -> QuantumCircuit:
    source = QuantumCircuit(2, 2)
    source.measure(0, 0)
    return source


def _unbound() -> QuantumCircuit:
    source = QuantumCircuit(1)
    source.rx(Parameter("theta"), 0)
    return source


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (_mid_circuit(), "after measuring it"),
        (_reset(), "holds reset"),
        (_branching(), "holds if_else"),
        (_unwritten(), "writes 1 of 2 classical bits"),
        (_unbound(), "unbound parameters: theta"),
    ],
)
def test_what_is_no_gate_list_is_refused_with_the_reason(source: QuantumCircuit, reason: str) -> None:
    with pytest.raises(NotAGateList, match=reason):
        from_qiskit(source)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("missing.qasm", None, "there is no such file"),
        ("circuit.txt", b"", "the suffix must be one of .qasm, .qasm2, .qasm3, .qpy"),
        ("two.qasm", b"OPENQASM 2.0; qreg q[2]; foo q[0];", "'foo' is not defined"),
        ("three.qasm", b"// first\nOPENQASM 3.0; qubit[2] q; foo q[0];", "'foo' is not defined"),
        ("broken.qasm", b"OPENQASM 3.0; qubit[2 q;", "not valid OpenQASM 3"),
        ("text.qpy", b"garbage", "is not QPY"),
        ("short.qpy", b"QISKIT\0\0", "unpack"),
        ("binary.qasm", b"\xff\xfe", "codec"),
    ],
)
def test_a_bad_file_is_refused_with_the_reason(name: str, content: bytes | None, reason: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadCircuitFile, match=reason) as caught:
        load_circuits(path)
    assert "\n" not in str(caught.value)


def test_an_edited_file_is_read_again(tmp_path: Path) -> None:
    path = _write(tmp_path / "circuit.qasm", to_qiskit(build(SPECS[0])))
    first = load_circuit(path)
    _write(path, to_qiskit(build(CircuitSpec("ghz", 4))))
    os.utime(path, ns=(1, 1))
    assert load_circuit(path) != first
