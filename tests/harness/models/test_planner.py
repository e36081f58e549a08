"""The planner: features of cut plans against the published decomposition, counted one by one."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest

from harness.planner import CutPlanner, features_of, norms, problem_of, workload_of
from miniapps.circuit_cutting.basis import basis
from miniapps.circuit_cutting.cutting import make_plan
from miniapps.circuit_cutting.flow import planned
from miniapps.circuit_cutting.params import CircuitCutting
from miniapps.circuit_cutting.plan import Cut, Cuts
from qdreamer import recommend
from qdreamer.resources import Resources

CUTS = [
    ("cx", ()),
    ("cz", ()),
    ("swap", ()),
    ("wire", ()),
    ("rzz", (0.7,)),
    ("rxx", (2.1,)),
    ("cp", (0.9,)),
    ("cry", (1.7,)),
]


@pytest.mark.parametrize(("name", "params"), CUTS, ids=[name for name, _ in CUTS])
def test_norms_are_those_of_the_published_decomposition(name: str, params: tuple[float, ...]) -> None:
    found, known = norms(Cut(name, params, (0, 1))), basis(name, params)
    sizes = np.abs(known.coefficients)
    assert found.one == pytest.approx(sizes.sum())
    assert found.square == pytest.approx((sizes**2).sum())
    for side in (0, 1):
        loads = np.bincount(known.rows[:, side], weights=sizes)
        assert found.sensitivity[side] == pytest.approx((loads**2).sum())


def params(**values: object) -> CircuitCutting:
    return CircuitCutting.model_validate({"family": "efficient_su2", "n_qubits": 9, "angle": 0.4, **values})


def test_features_of_a_chain_are_as_published() -> None:
    """36 qubits in three: 108 subexperiments, of which 35 are distinct (results/paper/cutting_facts.csv)."""
    _, _, plan = planned(params(n_qubits=36, cuts=2, subcircuit_size=12))
    found = features_of(plan)
    assert (found.cuts, found.width, found.rows, found.variants) == (2, 12, 108, 35)
    assert (found.gamma, found.square_norm) == (pytest.approx(9.0), pytest.approx(2.25))
    assert sorted(f.states for f in found.fragments) == [2, 2, 4]


def test_states_grow_along_the_gates_of_a_fragment() -> None:
    circuit, terms = problem_of(params(n_qubits=4, observable="parity"))
    cut = next(i for i, gate in enumerate(circuit.gates) if gate[0] == "cx" and gate[1] == (1, 2))
    plan = make_plan(circuit, Cuts((cut,)), terms)
    for fragment, found in zip(plan.fragments, features_of(plan).fragments, strict=True):
        before = [isinstance(op, tuple) for op in fragment.ops].index(False)
        after = len(fragment.ops) - 1 - before
        assert found.amplitudes == 4 * (before + 2 * after)


def test_a_planner_offers_one_cut_two_and_more_each_once() -> None:
    circuit, terms = problem_of(params(n_qubits=12))
    plans = CutPlanner(circuit, terms, most_cuts=3)(None, None)
    assert [plan.cuts for plan in plans][:3] == [1, 2, 3]
    assert len({(plan.cuts, plan.label) for plan in plans}) == len(plans)
    assert all(plan.planning_s > 0 for plan in plans)


def test_the_harness_hands_plans_to_the_study() -> None:
    circuit, terms = problem_of(params(n_qubits=40, reps=3, observable="z_sum"))
    machine = Resources("small", cores=2, memory=2 * 2**30)
    planner = CutPlanner(circuit, terms)
    found = recommend(workload_of(circuit, terms), None, machine, planner=planner, executors=("full", "amplitude"))
    assert found.best.verdict == "cut"
    assert found.best.plan is not None
    assert found.best.memory <= machine.memory
    assert prod(f.states for f in found.best.plan.fragments) > 1
