"""The optimizer: what it recommends fits, and changes with circuit, machine and wish as it must."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qdreamer import Gpu, Observable, Qpu, Recommendation, Resources, Workload, analyze_gates, recommend
from qdreamer.bonds import Gate
from qdreamer.cost import PROCESS_BYTES, CostModel, NoModel, Workers, misfit
from qdreamer.defaults import typed_in
from qdreamer.demand import CUT, UNCUT, cut, totals, uncut
from tests.qdreamer.plans import chain, chains

GIB = 2**30
LAPTOP = Resources("laptop", cores=2, memory=22 * GIB)
NODE = Resources(
    "8 x B200",
    cores=224,
    memory=2048 * GIB,
    gpus=(Gpu("B200", 180 * GIB, 8, 8e12),),
    qpus=(Qpu("Eagle", 127, 256),),
)


def dense(n_qubits: int, layers: int) -> Workload:
    """Return a circuit that entangles everything: brickwork between neighbours and across the middle."""
    gates: list[Gate] = []
    for layer in range(layers):
        gates += [("u", (q,), (0.3, 0.2, 0.1)) for q in range(n_qubits)]
        gates += [("cx", (q, q + 1), ()) for q in range(layer % 2, n_qubits - 1, 2)]
        gates += [("cx", (q, n_qubits - 1 - q), ()) for q in range(n_qubits // 2)]
    return analyze_gates(n_qubits, gates)


def shallow(n_qubits: int) -> Workload:
    """Return one layer of the hardware-efficient ansatz."""
    gates: list[Gate] = [("ry", (q,), (0.4,)) for q in range(n_qubits)]
    return analyze_gates(n_qubits, [*gates, *(("cx", (q, q + 1), ()) for q in range(n_qubits - 1))])


def test_a_small_circuit_is_not_cut() -> None:
    best = recommend(dense(10, 8), None, LAPTOP, planner=chains(1, 2), executors=("full", "mps", "distinct")).best
    assert (best.verdict, best.executor, best.cuts) == ("do not cut", "full", 0)
    assert "the whole state of 10 qubits" in best.reason


def test_a_wide_shallow_circuit_uses_mps() -> None:
    best = recommend(shallow(60), None, LAPTOP, planner=chains(1)).best
    assert (best.verdict, best.executor) == ("use MPS", "mps")


def test_a_dense_wide_circuit_is_cut_where_a_cut_is_known() -> None:
    found = recommend(dense(40, 20), None, LAPTOP, planner=chains(1, 2, 3))
    assert found.best.verdict == "cut"
    assert found.best.plan == chain(40, found.best.cuts)
    assert {one.name for one in found.rejected} >= {"full", "mps"}


def test_without_a_cut_nothing_fits_and_it_says_what_is_missing() -> None:
    found = recommend(dense(60, 30), None, LAPTOP)
    assert found.best.verdict == "cannot fit"
    assert found.best.seconds is None
    assert "full: 1 task(s) at once need" in found.best.reason


def test_a_larger_machine_takes_what_a_smaller_cannot() -> None:
    workload = dense(34, 20)
    assert recommend(workload, None, LAPTOP).best.verdict == "cannot fit"
    best = recommend(workload, None, NODE).best
    assert best.verdict == "do not cut"
    assert best.workers.cpu or best.workers.gpu


def test_a_gpu_that_is_too_small_is_not_used() -> None:
    small = replace(NODE, gpus=(Gpu("small", 4 * GIB),), qpus=())
    assert recommend(dense(30, 10), None, small, executors=("full",)).best.workers.gpu == 0
    assert recommend(dense(30, 10), None, NODE, executors=("full",)).best.workers.gpu == 1


def test_more_workers_are_taken_only_while_they_help() -> None:
    plan = chain(40, 1)
    plan = replace(plan, fragments=tuple(replace(f, mid_variants=0, mid_rows=0) for f in plan.fragments))
    found = recommend(dense(40, 20), None, replace(NODE, gpus=(), qpus=()), planner=lambda *_: [plan])
    by_name = {one.executor: one.workers.cpu for one in found.ranked}
    assert by_name["amplitude"] <= 2  # two fragments
    assert 4 < by_name["distinct"] <= 16  # ten variants


def test_a_target_error_buys_shots_or_excludes_a_noisy_device() -> None:
    loose = recommend(shallow(20), None, NODE, 0.5, executors=("device",)).best
    tight = recommend(shallow(20), None, NODE, 0.01, executors=("device",))
    assert loose.verdict == "run on a QPU"
    assert tight.best.verdict == "cannot fit"
    assert "noise of the device" in tight.rejected[0].reason
    clean = replace(NODE, qpus=(replace(NODE.qpus[0], two_qubit_error=0.0, readout_error=0.0),))
    bought = recommend(shallow(20), None, clean, 0.01, executors=("device",)).best
    assert bought.shots == 10_000
    assert bought.error <= 0.01 * (1 + 1e-9)


def test_a_circuit_too_wide_for_a_qpu_is_cut_for_many() -> None:
    clean = Qpu("small", 30, 8, two_qubit_error=1e-4, readout_error=1e-3)
    wide = Resources("qpus", cores=4, memory=1 * GIB, qpus=(clean,))
    found = recommend(dense(50, 4), None, wide, planner=chains(1), executors=("device", "distinct"), shots=1000)
    assert found.best.executor == "distinct"
    assert found.best.workers.qpu > 0
    assert [one.name for one in found.rejected] == ["device"]


def test_ranked_from_fast_to_slow_each_with_interval_and_reason() -> None:
    found = recommend(shallow(24), None, LAPTOP, planner=chains(1, 2, 3), shots=10**5)
    seconds = [one.seconds.value for one in found.ranked if one.seconds]
    assert seconds == sorted(seconds)
    assert all(one.seconds and one.seconds.low <= one.seconds.value <= one.seconds.high for one in found.ranked)
    assert all(one.reason for one in found.ranked)
    assert {one.executor for one in found.ranked} == {"full", "mps", *CUT}


GPUS = st.builds(Gpu, name=st.just("g"), memory=st.integers(2**30, 2**37), count=st.integers(1, 8))
QPUS = st.builds(Qpu, name=st.just("q"), n_qubits=st.integers(2, 130), count=st.integers(1, 64))
MACHINES = st.builds(
    Resources,
    name=st.just("drawn"),
    cores=st.integers(1, 256),
    memory=st.integers(2**29, 2**42),
    nodes=st.integers(1, 4),
    gpus=st.lists(
        st.builds(Gpu, name=st.just("g"), memory=st.integers(2**30, 2**37), count=st.integers(1, 8)), max_size=2
    ).map(tuple),
    qpus=st.lists(
        st.builds(Qpu, name=st.just("q"), n_qubits=st.integers(2, 130), count=st.integers(1, 64)), max_size=1
    ).map(tuple),
)


@settings(max_examples=60, deadline=None)
@given(
    machine=MACHINES,
    n_qubits=st.integers(2, 70),
    layers=st.integers(1, 12),
    target=st.none() | st.floats(1e-4, 1.0),
    shots=st.none() | st.integers(0, 10**5),
)
def test_what_is_recommended_always_fits(
    machine: Resources, n_qubits: int, layers: int, target: float | None, shots: int | None
) -> None:
    workload = dense(n_qubits, layers)
    found = recommend(workload, None, machine, target, planner=chains(1, 2, 4), shots=shots)
    assert found.ranked
    for one in found.ranked:
        if one.verdict == "cannot fit":
            assert found.ranked == (one,)
            continue
        _fits(one.executor, one.workers, found)
        assert target is None or one.error <= target * (1 + 1e-6)
        assert one.workers.cpu <= machine.workers
        assert one.workers.gpu <= machine.nodes * sum(gpu.count for gpu in machine.gpus)
        assert one.workers.qpu <= sum(qpu.count for qpu in machine.qpus)


def _fits(executor: str, workers: Workers, found: Recommendation) -> None:
    """Check memory and width by arithmetic of our own: the smallest that any simulator could need."""
    one = next(a for a in found.ranked if (a.executor, a.workers) == (executor, workers))
    widths = [f.width for f in one.plan.fragments] if one.plan else [found.workload.n_qubits]
    if workers.qpu:
        assert max(widths) <= min(qpu.n_qubits for qpu in found.resources.qpus)
    elif executor != "mps":
        least = 16 * 2.0 ** max(widths)
        if workers.cpu:
            assert least + PROCESS_BYTES <= found.resources.memory
        if workers.gpu:
            assert least <= min(gpu.memory for gpu in found.resources.gpus)
    else:
        assert 16 * found.workload.bonds.amplitudes <= found.resources.memory


def test_tasks_that_run_at_the_same_time_share_the_memory() -> None:
    plan = chain(52, 1)  # two fragments of 26 qubits, 2 states of 1 GiB each
    demand = cut("amplitude", plan, shots=0)
    room = Resources("node", cores=2, memory=8 * GIB)
    assert misfit(demand, Workers(cpu=1), room) is None
    assert "2 task(s) at once need" in (misfit(demand, Workers(cpu=2), room) or "")


def test_a_law_that_is_missing_makes_its_executor_unavailable() -> None:
    models = {name: one for name, one in typed_in().models.items() if name != "mps"}
    found = recommend(shallow(30), None, LAPTOP, model=CostModel(models), executors=("mps",))
    assert found.best.verdict == "cannot fit"
    assert "no model of 'mps'" in found.rejected[0].reason
    with pytest.raises(NoModel):
        CostModel({}).predict("mps", {})


def test_features_of_all_tasks_together_predict_what_they_take_one_by_one() -> None:
    model = typed_in()
    for demand in (cut("reference", chain(12, 2), shots=64), uncut("full", shallow(12), shots=10)):
        for role in {job.role for job in demand.jobs}:
            apart = sum(
                job.count * model.predict(job.role, job.features).value for job in demand.jobs if job.role == role
            )
            assert model.predict(role, totals(demand.jobs, role)).value == pytest.approx(apart)


def test_wrong_wishes_are_refused() -> None:
    with pytest.raises(ValueError, match="executors: ful unknown; valid: full, mps, device, amplitude"):
        recommend(shallow(4), None, LAPTOP, executors=("ful",))
    with pytest.raises(ValueError, match="target_error = -1"):
        recommend(shallow(4), None, LAPTOP, -1)


def test_the_observable_counts() -> None:
    gates: list[Gate] = [("cx", (q, q + 1), ()) for q in range(19)]
    sums = Observable({"Z" * 20: 2.0, "X" * 20: 1.0})
    found = recommend(analyze_gates(20, gates, sums), None, LAPTOP, shots=900, executors=("full",)).best
    assert found.error == pytest.approx(3.0 / 30)


def test_executors_have_one_name_everywhere() -> None:
    assert {*UNCUT, *CUT} == {"full", "mps", "device", "amplitude", "distinct", "branching", "reference"}
