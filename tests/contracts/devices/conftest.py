"""The devices that the contract is held to, and the circuits it is held with."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from qiskit import QuantumCircuit

from pilot_quantum.descriptions import DeviceDescription
from pilot_quantum.devices.ionq_service import IonqService, ServiceSettings, running

SECRET = "a-key-that-must-not-be-seen-anywhere"  # noqa: S105 - of a service of our own


@pytest.fixture(scope="session")
def ionq_url() -> Iterator[str]:
    with running(IonqService(ServiceSettings(run_s=0.02, key=SECRET))) as url:
        yield url


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IONQ_API_KEY", SECRET)


DEVICES = {
    "aer": ("aer", "dedicated", {}),
    "aer-noise": ("aer", "dedicated", {"noise_of": "generic:10"}),
    "emulated-dedicated": ("emulated", "dedicated", {"overhead_s": 0.01, "repetition_s": 1e-6}),
    "emulated-shared": (
        "emulated",
        "shared",
        {"overhead_s": 0.01, "repetition_s": 1e-6, "others_waiting": 3, "others_job_s": 0.02},
    ),
    "emulated-session": ("emulated", "session", {"overhead_s": 0.01, "repetition_s": 1e-6, "results": "stand-in"}),
    "emulated-noisy": ("emulated", "dedicated", {"overhead_s": 0.01, "target": "generic:10", "results": "noisy"}),
    "ibm-job": ("ibm", "shared", {"local": "generic:10"}),
    "ibm-batch": ("ibm", "shared", {"local": "generic:10", "mode": "batch"}),
    "ibm-session": ("ibm", "session", {"local": "generic:10"}),
    "ionq-simulator": ("ionq", "shared", {}),
    "ionq-qpu": ("ionq", "shared", {"backend": "qpu.forte-1"}),
    "ionq-session": ("ionq", "session", {"backend": "qpu.aria-1"}),
    "pennylane-lightning": ("pennylane", "dedicated", {}),
    "pennylane-default": ("pennylane", "dedicated", {"device": "default.qubit"}),
    "braket": ("braket", "dedicated", {}),
}


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest, ionq_url: str) -> DeviceDescription:
    kind, access, options = DEVICES[request.param]
    if kind == "braket" and find_spec("braket") is None:
        pytest.skip("the optional package amazon-braket-sdk is not installed")
    if kind == "ionq":
        options = {**options, "url": ionq_url, "visible_s": 1.0}
    return DeviceDescription(request.param, kind, access, options)


def bell() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2, name="bell")
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    return circuit


def ghz(width: int = 10) -> QuantumCircuit:
    circuit = QuantumCircuit(width, width, name="ghz")
    circuit.h(0)
    for qubit in range(width - 1):
        circuit.cx(qubit, qubit + 1)
    circuit.measure(range(width), range(width))
    return circuit


def qaoa(width: int = 4, gamma: float = 0.4, beta: float = 0.7) -> QuantumCircuit:
    circuit = QuantumCircuit(width, width, name="qaoa")
    circuit.h(range(width))
    for qubit in range(width):
        circuit.rzz(2 * gamma, qubit, (qubit + 1) % width)
    circuit.rx(2 * beta, range(width))
    circuit.measure(range(width), range(width))
    return circuit


def asymmetric() -> QuantumCircuit:
    """Measures three qubits into other bits, all with different probabilities: orders cannot be mixed up unseen."""
    circuit = QuantumCircuit(3, 3, name="asymmetric")
    for qubit, angle in enumerate((0.3, 1.1, 2.4)):
        circuit.ry(angle, qubit)
    circuit.measure([0, 1, 2], [2, 0, 1])
    return circuit
