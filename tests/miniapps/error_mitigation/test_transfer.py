"""The noisy simulator: against Aer, against pure states, against closed forms."""

from __future__ import annotations

from math import exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miniapps._circuits import dense
from miniapps._circuits.gates import Circuit, Gate
from miniapps.error_mitigation.check import by_aer
from miniapps.error_mitigation.params import ErrorMitigation
from miniapps.error_mitigation.program import Noise, Program
from miniapps.error_mitigation.transfer import fused, probabilities
from miniapps.error_mitigation.variants import base, scheduled

NOISE = Noise(0.004, 0.03, 0.02, 0.05)
CIRCUITS = (
    ErrorMitigation(family="random", n_qubits=5, layers=3, observable="IZIZZ", seed=4),
    ErrorMitigation(family="qaoa_ring", n_qubits=3, layers=2, observable="parity"),
    ErrorMitigation(technique="none", family="ghz", n_qubits=3, idle=3, observable="parity"),
)


def _value(program: Program, noise: Noise, frame: list[int] | None = None) -> float:
    rows = np.array([frame or [0] * len(program.gates)], dtype=np.uint8)
    parity = 1 - 2.0 * (np.bitwise_count(np.arange(2 ** len(program.measured))) & 1)
    return float((probabilities(program, rows, noise) @ parity)[0])


@pytest.mark.parametrize("detuning", [0.0, 0.1])
@pytest.mark.parametrize("params", CIRCUITS, ids=lambda params: params.family)
def test_noise_is_aers(params: ErrorMitigation, detuning: float) -> None:
    noise = Noise(NOISE.error_1q, NOISE.error_2q, NOISE.read_1_for_0, NOISE.read_0_for_1, detuning)
    assert _value(base(params), noise) == pytest.approx(by_aer(base(params), noise), abs=1e-10)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_pauli_operators_between_gates_are_gates(data: st.DataObject) -> None:
    program = base(
        ErrorMitigation(family="random", n_qubits=3, layers=2, observable="ZIZ", seed=data.draw(st.integers(0, 9)))
    )
    frame = [data.draw(st.integers(0, 4 ** len(on) - 1)) for _, on, _ in program.gates]
    gates: list[Gate] = []
    for gate, pauli in zip(program.gates, frame, strict=True):
        gates.append(gate)
        gates += [(("id", "x", "y", "z")[pauli >> 2 * place & 3], (q,), ()) for place, q in enumerate(gate[1])]
    state = dense.statevector(Circuit(3, tuple(gates)))
    assert _value(program, Noise(), frame) == pytest.approx(dense.expectation(state, "ZIZ"), abs=1e-10)


def test_variants_do_not_depend_on_each_other() -> None:
    program = base(CIRCUITS[0])
    rng = np.random.default_rng(3)
    rows = np.where(rng.random((40, len(program.gates))) < 0.1, rng.integers(0, 4, (40, len(program.gates))), 0)
    together = probabilities(program, rows.astype(np.uint8), NOISE)
    alone = [probabilities(program, row[None].astype(np.uint8), NOISE)[0] for row in rows]
    np.testing.assert_allclose(together, alone, atol=1e-13)
    np.testing.assert_allclose(together.sum(axis=1), 1)


def test_a_slow_detuning_decays_as_a_gaussian() -> None:
    wait = 12
    program = Program(1, ((("h", (0,), ()),), *[()] * wait, (("h", (0,), ()),)), (0,))
    # The first moment's turn comes after its H, so there are wait + 1 of them between the two.
    assert _value(program, Noise(detuning=0.07)) == pytest.approx(exp(-((0.07 * (wait + 1)) ** 2) / 2), abs=1e-12)


def test_blocks_hold_every_gate_once_in_an_order_that_each_qubit_sees() -> None:
    gates = base(CIRCUITS[0]).gates
    blocks = fused(gates, 5)
    numbers = [number for _, _, some in blocks for number in some]
    assert sorted(numbers) == list(range(5, 5 + len(gates)))
    for qubit in range(5):
        own = [number for number in numbers if qubit in gates[number - 5][1]]
        assert own == sorted(own)
    assert max(len(qubits) for qubits, _, _ in blocks) == 2


def test_gates_are_scheduled_as_early_as_their_qubits_allow() -> None:
    gates: list[Gate] = [("h", (0,), ()), ("cx", (0, 1), ()), ("h", (2,), ()), ("cx", (1, 2), ())]
    assert [len(moment) for moment in scheduled(gates)] == [2, 1, 1]
