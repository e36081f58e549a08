"""The plan: counts are those of the circuits that the addon and we would make; cuts that do nothing are refused."""

from __future__ import annotations

import csv
from itertools import product

import pytest

from miniapps._circuits import CircuitSpec, dense
from miniapps._circuits.families import build
from miniapps._circuits.gates import GATES, Circuit
from miniapps.circuit_cutting.basis import MEASURE, basis
from miniapps.circuit_cutting.choice import chosen
from miniapps.circuit_cutting.circuits import circuit_of
from miniapps.circuit_cutting.cutting import decomposed, make_plan
from miniapps.circuit_cutting.finders import Limits, find
from miniapps.circuit_cutting.observables import terms
from miniapps.circuit_cutting.plan import BadCuts, Cuts
from miniapps.circuit_cutting.schmidt import WIRE, factors, price
from miniapps.circuit_cutting.variants import measures_in_mid_circuit, steps
from tests.architecture.source import ROOT
from tests.miniapps.circuit_cutting.cases import case

ON_TWO = [(name, (0.7,) * params) for name, (qubits, params) in GATES.items() if qubits == 2]


@pytest.mark.parametrize(("name", "params"), [*ON_TWO, (WIRE, ())], ids=lambda value: str(value))
def test_the_price_of_a_cut_is_what_the_addon_makes(name: str, params: tuple[float, ...]) -> None:
    counted, found = price(name), basis(name, params)
    assert counted.rows == found.coefficients.size
    assert counted.distinct == tuple(len(side) for side in found.locals)
    measuring = [sum(any(op.name == MEASURE for op in local) for local in side) for side in found.locals]
    assert counted.measuring == tuple(measuring)


@pytest.mark.parametrize(("name", "params"), [*ON_TWO, (WIRE, ())], ids=lambda value: str(value))
def test_the_decomposition_is_the_gate(name: str, params: tuple[float, ...]) -> None:
    """Σ coefficient · functional ⊗ functional is the identity pairing of Gram numbers."""
    found = basis(name, params)
    pairing = found.functionals[0].T @ found.link @ found.functionals[1]
    rank = len(factors(name, params)[0])
    assert pairing == pytest.approx([[float(i == j) for j in range(rank**2)] for i in range(rank**2)], abs=1e-9)


def test_published_partitions_are_found_with_their_counts() -> None:
    with (ROOT / "results/paper/cutting_facts.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows
    for row in rows:
        circuit = build(CircuitSpec("efficient_su2", int(row["n_qubits"]), int(row["reps"]), angle=0.4))
        cuts, _ = find("interval", circuit, Limits(size=int(row["subcircuit_size"])))
        plan = make_plan(circuit, cuts, terms("z_last", circuit.n_qubits))
        expected = (row["n_cuts"], row["n_subexperiments"], row["n_distinct_circuits"])
        assert (len(plan.cuts), plan.published, plan.distinct) == tuple(map(int, expected))


@pytest.mark.parametrize("number", range(40))
def test_mid_circuit_variants_are_those_of_the_built_circuits(number: int) -> None:
    params = case(number)
    circuit = circuit_of(params)
    plan = make_plan(circuit, chosen(params, circuit), [(1.0, "Z" * circuit.n_qubits)], reuse=False)
    for fragment in plan.fragments:
        sizes = [range(len(basis(end.name, end.params).locals[end.side])) for end in fragment.ends]
        built = [steps(fragment, variant, fragment.paulis[0]) for variant in product(*sizes)]
        assert fragment.mid_circuit_variants == sum(measures_in_mid_circuit(made) for made in built)


def test_a_qubit_given_up_is_used_again_if_wanted() -> None:
    gates = (("h", (0,), ()), ("cx", (0, 1), ()), ("cx", (1, 2), ()), ("cx", (0, 1), ()), ("cx", (0, 3), ()))
    circuit, cuts = Circuit(4, gates), Cuts(wires=((1, 2), (1, 3)))
    wide, narrow = (make_plan(circuit, cuts, [(1.0, "ZZZZ")], reuse=reuse) for reuse in (False, True))
    assert [f.n_qubits for f in wide.fragments] == [4, 2]
    assert [f.n_qubits for f in narrow.fragments] == [3, 2]
    assert narrow.rank == 4


@pytest.mark.parametrize(
    ("cuts", "message"),
    [
        (Cuts(gates=(1,)), "with itself"),
        (Cuts(gates=(0,)), "gate 0 cannot be cut"),
        (Cuts(gates=(9,)), "gate 9 cannot be cut"),
        (Cuts(wires=((0, 5),)), "wire 0 cannot be cut at gate 5"),
        (Cuts(wires=((0, 1), (0, 1))), "cut there already"),
    ],
)
def test_cuts_that_make_no_sense_are_refused(cuts: Cuts, message: str) -> None:
    ring = Circuit(3, (("h", (0,), ()), ("cx", (0, 1), ()), ("cx", (1, 2), ()), ("cx", (0, 2), ())))
    with pytest.raises(BadCuts, match=message):
        make_plan(ring, cuts, [(1.0, "ZZZ")])


def test_gates_on_three_qubits_are_decomposed() -> None:
    start = tuple(("u", (q,), (0.3 + q, 0.5, 0.7 * q)) for q in range(3))
    for name in ("ccx", "cswap"):
        circuit = Circuit(3, (*start, (name, (2, 0, 1), ())))
        small = decomposed(circuit)
        assert all(len(qubits) <= 2 for _, qubits, _ in small.gates)
        assert dense.statevector(small) == pytest.approx(dense.statevector(circuit), abs=1e-12)
