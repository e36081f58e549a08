"""What every device does, in every access mode, through the broker."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector

from pilot_quantum import UnsatisfiableRequest
from pilot_quantum.descriptions import DeviceDescription, DeviceRequest
from pilot_quantum.devices.base import Counts
from pilot_quantum.devices.broker import DeviceBroker
from tests.contracts.devices.conftest import SECRET, asymmetric, bell, ghz, qaoa

SHOTS = 1000


def exact(circuit: QuantumCircuit, bits: tuple[int, ...]) -> float:
    """Return the mean parity of classical bits, without shots or noise."""
    read = {circuit.find_bit(i.clbits[0]).index: circuit.find_bit(i.qubits[0]).index for i in circuit.data if i.clbits}
    table = Statevector(circuit.remove_final_measurements(inplace=False)).probabilities()
    return float(sum(p * prod(1 - 2 * (k >> read[bit] & 1) for bit in bits) for k, p in enumerate(table)))


def parity(counts: Counts, bits: tuple[int, ...]) -> float:
    total = sum(counts.values())
    return sum(n * prod(1 - 2 * int(key[-1 - bit]) for bit in bits) for key, n in counts.items()) / total


CASES: list[tuple[Callable[[], QuantumCircuit], list[tuple[int, ...]]]] = [
    (bell, [(0, 1), (0,)]),
    (ghz, [(0, 9), (3,), tuple(range(10))]),
    (qaoa, [(0, 1), (1, 3), (0,)]),
    (asymmetric, [(0,), (1,), (2,), (0, 2)]),
]


def test_known_circuits_have_their_exact_values_within_the_stated_error(device: DeviceDescription) -> None:
    """Of a noiseless device six standard deviations of the shots; of a noisy one twice its expected infidelity more."""
    circuits = [make() for make, _ in CASES]
    with DeviceBroker([device]) as broker:
        results = broker.run(circuits, shots=SHOTS, seed=11)
        for circuit, (_, observables), result in zip(circuits, CASES, results, strict=True):
            assert sum(result.counts.values()) == SHOTS
            assert {len(key) for key in result.counts} == {circuit.num_clbits}
            lane = broker.lanes[device.name].device
            fidelity = lane.forecast(lane.compile(circuit), SHOTS).fidelity
            assert fidelity is not None
            assert 0.2 < fidelity <= 1.0
            for bits in observables:
                right = exact(circuit, bits)
                bias = 2.0 * (1 - fidelity)
                least = max(0.0, abs(right) - bias)  # the noisy value has the wider spread
                error = 6 * ((1 - least**2) / SHOTS) ** 0.5 + 0.01 + bias
                assert abs(parity(result.counts, bits) - right) <= error, (circuit.name, bits)


def test_a_device_says_what_it_is_and_what_circuits_cost(device: DeviceDescription) -> None:
    with DeviceBroker([device]) as broker:
        broker.run([bell()], shots=10)
        [facts] = broker.facts()
        assert facts.name == device.name
        assert facts.kind == device.kind
        assert facts.online
        assert facts.n_qubits >= 10
        lane = broker.lanes[device.name].device
        small = lane.forecast(lane.compile(bell()), 100)
        large = lane.forecast(lane.compile(ghz()), 10_000)
        assert 0 < small.run_s < large.run_s
        assert small.run_s == pytest.approx(sum(small.parts_s.values()))


def test_circuits_of_one_structure_are_compiled_once(device: DeviceDescription) -> None:
    with DeviceBroker([device]) as broker:
        lane = broker.lanes[device.name].device
        lane.compile(ghz(3))
        before = lane._compiler.compilations  # type: ignore[attr-defined]  # every kind has one
        same = [lane.compile(qaoa(5, gamma=0.1 * k, beta=0.2 + k)) for k in range(1, 6)]
        assert lane._compiler.compilations - before <= 1  # type: ignore[attr-defined]  # as above
        assert len({one.structure for one in same}) == 1
        assert all(not one.bind().parameters for one in same)
        assert lane.compile(ghz(3)).structure != same[0].structure


def test_what_cannot_fit_is_refused_with_the_reason(device: DeviceDescription) -> None:
    with DeviceBroker([device]) as broker:
        with pytest.raises(UnsatisfiableRequest, match="qubits"):
            broker.run([bell()], shots=10, request=DeviceRequest(min_qubits=20_000))
        with pytest.raises(UnsatisfiableRequest, match="name is not"):
            broker.run([bell()], shots=10, request=DeviceRequest(name="another"))
        assert broker.run([bell()], shots=10)[0].device == device.name  # and it goes on


def test_each_result_says_why_it_ran_where_it_did(device: DeviceDescription) -> None:
    with DeviceBroker([device]) as broker:
        [result] = broker.run([bell()], shots=10)
    assert [(decision.action, decision.device) for decision in result.decisions][-1] == ("send", device.name)
    assert all(decision.reason for decision in result.decisions)
    assert result.submitted_s <= result.sent_s <= result.ended_s


def test_no_credential_in_what_a_device_says(device: DeviceDescription) -> None:
    with DeviceBroker([device]) as broker:
        results = broker.run([bell()], shots=10)
        said = repr((results, broker.facts(), device, broker.lanes[device.name].device.__dict__.get("_calibration")))
    assert SECRET not in said
