"""Claims as tests: what agrees with the paper holds, what does not fails, and no numbers at all say what is missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pandas as pd
import pytest

from harness.cases import Case
from harness.record import Record
from harness.report.paper.claims import CLAIMS, FAILS, HOLDS, UNTESTABLE, Evidence, Finding, as_dicts, judge, table
from harness.report.paper.items import NAMES
from harness.report.summary import summarize
from tests.harness.publication import made_up
from tests.harness.publication.made_up import Numbers

BY_NAME = {claim.name: claim for claim in CLAIMS}
NOTHING = Evidence({}, {}, ())


def evidence(item: str, rows: Sequence[Record], points: pd.DataFrame | None = None) -> Evidence:
    cases = summarize(rows)
    return Evidence({item: cases}, {} if points is None else {item: points}, cases)


def found(name: str, formula: Callable[[Case], Numbers] | None = None) -> Finding:
    item = name.split("-", maxsplit=1)[0]
    return BY_NAME[name].judge(evidence(item, made_up.records(item, formula, repeats=3)))


def _with(formula: Callable[[Case], Numbers], change: Callable[[Case, Numbers], Numbers]) -> Callable[[Case], Numbers]:
    return lambda case: change(case, formula(case))


def _times(case: Case, numbers: Numbers, factor: float) -> Numbers:
    del case
    return {name: value * factor if name.endswith("_s") else value for name, value in numbers.items()}


def test_claims_are_named_by_table_or_figure_and_say_when_they_hold() -> None:
    assert len(BY_NAME) == len(CLAIMS)
    assert {name.split("-")[0] for name in BY_NAME} <= set(NAMES)
    assert all(claim.says and claim.place and claim.published and claim.rule for claim in CLAIMS)


@pytest.mark.parametrize("name", BY_NAME)
def test_without_records_no_claim_is_tested_and_each_says_why(name: str) -> None:
    finding = BY_NAME[name].judge(NOTHING)
    assert (finding.verdict, finding.measured) == (UNTESTABLE, "")
    assert finding.why


def slow_dispatch(case: Case) -> Numbers:
    return _times(case, made_up.dispatch(case), 10)


def falling_dispatch(case: Case) -> Numbers:
    n = case.values["n_tasks"]
    return {"time_to_value_s": 1e-4 * n * (1 + n / 8192)}


def flat_circuits(case: Case) -> Numbers:
    return {"time_to_value_s": 1e-3 * case.values["n_circuits"], "throughput": 1e3}


def free_gradient(case: Case) -> Numbers:
    return made_up.state_vector(case) | {"execute_s": 1e-8 * 2.0 ** case.values["n_qubits"]}


def slow_jit(case: Case) -> Numbers:
    each = {"sequential": 0.4, "jit": 0.1}.get(case.values["mode"], 1e-3)
    return {"time_to_value_s": 1.0, "step_s": each * case.values["batch_size"]}


def one_cut_best(case: Case) -> Numbers:
    factor = {1: 0.01}.get(case.values["cuts"], 1.0) if case.values["executor"] == "reference" else 1.0
    return _times(case, made_up.cutting(case), factor)


def two_workers_idle(case: Case) -> Numbers:
    return made_up.cutting(case) | {"time_to_value_s": 10.0}


def quick_uncut(case: Case) -> Numbers:
    return _times(case, made_up.cutting(case), 1e-4 if case.values["executor"] == "full" else 1.0)


@pytest.mark.parametrize(
    ("name", "formula", "expected"),
    [
        ("table3-rate", None, HOLDS),
        ("table3-rate", slow_dispatch, FAILS),
        ("table3-falls", None, FAILS),
        ("table3-falls", falling_dispatch, HOLDS),
        ("table3-cheap", None, HOLDS),
        ("table3-cheap", slow_dispatch, FAILS),
        ("fig6-exponential", None, HOLDS),
        ("fig6-exponential", flat_circuits, FAILS),
        ("fig7-gradient", None, HOLDS),
        ("fig7-gradient", free_gradient, FAILS),
        ("fig9-jit", None, HOLDS),
        ("fig9-jit", slow_jit, FAILS),
        ("fig9-vmap", None, HOLDS),
        ("fig9-vmap", slow_jit, FAILS),
        ("fig9-vmap-jit", slow_jit, FAILS),
        ("fig9-best", None, HOLDS),
        ("fig10-two", None, HOLDS),
        ("fig10-two", two_workers_idle, FAILS),
        ("fig11-best", None, HOLDS),
        ("fig11-best", one_cut_best, FAILS),
        ("fig11-degrades", None, HOLDS),
        ("fig11-degrades", one_cut_best, FAILS),
        ("fig11-uncut", None, HOLDS),
        ("fig11-uncut", quick_uncut, FAILS),
    ],
)
def test_numbers_decide(name: str, formula: Callable[[Case], Numbers] | None, expected: str) -> None:
    finding = found(name, formula)
    assert finding.verdict == expected
    assert finding.measured
    assert finding.sources


def test_what_needs_other_machines_is_not_tested_on_one_node() -> None:
    for name in ("fig7-reach", "fig8-efficiency", "fig8-speedup", "fig6-gpu", "fig6-cloud", "fig6-qpu"):
        assert found(name).verdict == UNTESTABLE, name
    assert "efficiency" in found("fig8-efficiency").measured


def _on_nodes(rows: Sequence[Record]) -> list[Record]:
    """The one-core cases on one node, the two-core cases on 32 nodes."""
    placed = []
    for row in rows:
        nodes = 32 if row.pool[0]["cores_per_node"] == 2 else 1
        placed.append(row.model_copy(update={"pool": [row.pool[0] | {"nodes": nodes, "cores_per_node": 1}]}))
    return placed


@pytest.mark.parametrize(("rate", "expected"), [(4.0 * 16, HOLDS), (4.0 * 8, FAILS)])
def test_nodes_are_judged_where_there_are_nodes(rate: float, expected: str) -> None:
    def formula(case: Case) -> Numbers:
        return made_up.compression(case) | {"throughput": 4.0 if made_up.workers(case) == 1 else rate}

    rows = _on_nodes(made_up.records("fig8", formula, repeats=3))
    assert BY_NAME["fig8-speedup"].judge(evidence("fig8", rows)).verdict == expected
    assert BY_NAME["fig8-efficiency"].judge(evidence("fig8", rows)).verdict == HOLDS


@pytest.mark.parametrize(("factor", "expected"), [(20.0, HOLDS), (3.0, FAILS)])
def test_a_gpu_is_compared_at_the_widest_circuit_of_both(factor: float, expected: str) -> None:
    def on_gpu(case: Case) -> Numbers:
        return {"time_to_value_s": case.values["n_circuits"] * 2e-8 * 2.0 ** case.values["n_qubits"] / factor}

    def on_cpu(case: Case) -> Numbers:
        return {"time_to_value_s": case.values["n_circuits"] * 2e-8 * 2.0 ** case.values["n_qubits"]}

    cpu, gpu = made_up.records("fig6", on_cpu, repeats=1), made_up.records("fig6-gpu", on_gpu, repeats=1)
    both = summarize([*cpu, *gpu])
    finding = BY_NAME["fig6-gpu"].judge(replace(NOTHING, everything=both))
    assert (finding.verdict, "at 24 qubits" in finding.measured) == (expected, True)


@pytest.mark.parametrize(("share", "expected"), [(0.9, HOLDS), (0.4, FAILS)])
def test_the_accuracy_of_the_published_law_decides(share: float, expected: str) -> None:
    rows = [
        ("power law (9^k tasks), 70% of the circuits", "measured", 40, share),
        ("Q-Dreamer, micro-benchmarks only", "measured", 40, 0.95),
        ("published: power law, 70% of the measurements", "published", 17, 0.824),
    ]
    points = pd.DataFrame(rows, columns=["chooser", "kind", "groups", "top1"])
    finding = BY_NAME["table4-accuracy"].judge(Evidence({}, {"table4": points}, ()))
    assert finding.verdict == expected
    assert "Q-Dreamer, micro-benchmarks only 95%" in finding.measured


def test_the_table_of_claims_holds_every_verdict_and_its_reason() -> None:
    judged = judge(evidence("fig11", made_up.records("fig11", repeats=1)), ["fig11"])
    assert [claim.name for claim, _ in judged] == ["fig11-best", "fig11-degrades", "fig11-uncut"]
    assert [row[3] for row in table(judged).rows] == [HOLDS] * 3
    assert {entry["rule"] for entry in as_dicts(judged)} == {claim.rule for claim, _ in judged}
