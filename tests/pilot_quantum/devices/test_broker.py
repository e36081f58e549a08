"""Access modes, re-routing, budgets and batches of the broker, on a simulated clock."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from qiskit import QuantumCircuit

from pilot_quantum import Budget, DeviceDescription, DeviceRequest, InvalidDescription, UnsatisfiableRequest
from pilot_quantum.devices import BudgetExhausted, VirtualClock
from pilot_quantum.devices.broker import BrokerSettings, DeviceBroker
from pilot_quantum.devices.routing import FastestCompletion, Weighted
from tests.contracts.devices.conftest import bell, ghz, qaoa

QUICK = BrokerSettings(refresh_s=20.0, reroute_s=20.0)


def described(name: str, access: Any = "shared", **options: Any) -> DeviceDescription:
    more = {
        key: options.pop(key)
        for key in ("batch", "jobs_in_flight", "budget", "session_ttl_s", "session_idle_s")
        if key in options
    }
    return DeviceDescription(name, "emulated", access, {"target": "generic:5", "results": "none", **options}, **more)


def made(number: int) -> list[QuantumCircuit]:
    return [qaoa(4, 0.1 + k, 0.2) for k in range(number)]


def test_a_dedicated_device_is_leased_to_one_batch_at_a_time_and_not_for_compilation() -> None:
    device = described("mine", "dedicated", batch=3, jobs_in_flight=5)
    with DeviceBroker([device], clock=VirtualClock()) as broker:
        results = broker.run(made(9), shots=100)
        leases = sorted(broker.lanes["mine"].leases)
        assert len({result.job_id for result in results}) == 3
        assert all(end <= start + 1e-9 for (_, end), (start, _) in pairwise(leases))
        held = sum(end - start for start, end in leases)
        assert held == pytest.approx(sum(result.qpu_s or 0.0 for result in results), rel=1e-3)  # nothing but the runs


def test_a_shared_device_makes_its_jobs_wait_behind_others() -> None:
    device = described("theirs", others_waiting=4, others_job_s=50.0)
    with DeviceBroker([device], clock=VirtualClock()) as broker:
        [result] = broker.run(made(1), shots=100)
        assert result.ended_s - result.sent_s > 10 * (result.qpu_s or 0.0)


def test_a_session_waits_once_and_is_closed_always() -> None:
    def waits(access: str) -> tuple[float, list[str]]:
        device = described("window", access, others_waiting=5, others_load=0.9, others_job_s=60.0)
        with DeviceBroker([device], clock=VirtualClock()) as broker:
            total = 0.0
            for k in range(4):  # a variational loop: each circuit depends on the one before
                [result] = broker.run([qaoa(4, 0.1 + k, 0.3)], shots=100)
                total += result.ended_s - result.sent_s
            sessions = list(broker.lanes["window"].device._sessions)  # type: ignore[attr-defined]  # emulated ones have them
        return total, sessions if access == "session" else list(broker.lanes["window"].device._sessions)  # type: ignore[attr-defined]  # as above

    with_session, open_then = waits("session")
    without, _ = waits("shared")
    assert len(open_then) == 1
    assert with_session < without
    device = described("window", "session")
    with DeviceBroker([device], clock=VirtualClock()) as broker:
        broker.run(made(1), shots=10)
    assert broker.lanes["window"].device._sessions == {}  # type: ignore[attr-defined]  # as above


def test_an_expired_session_is_opened_again() -> None:
    device = described("window", "session", session_ttl_s=5.0)
    clock = VirtualClock()
    with DeviceBroker([device], clock=clock) as broker:
        broker.run(made(1), shots=10)
        first = broker.lanes["window"].session
        clock.at(clock.now() + 60.0, lambda: None)
        clock.run(lambda: clock.now() >= 60.0)
        broker.run(made(1), shots=10)
        second = broker.lanes["window"].session
    assert first is not None
    assert second is not None
    assert first[0] != second[0]


def test_a_session_that_ended_at_the_vendor_is_opened_again_without_loss() -> None:
    clock = VirtualClock()
    with DeviceBroker([described("window", "session")], clock=clock) as broker:
        broker.run(made(1), shots=10)
        broker.lanes["window"].device._sessions.clear()  # type: ignore[attr-defined]  # the vendor ended it
        [result] = broker.run([bell()], shots=10)
    assert result.device == "window"


def test_waiting_circuits_leave_a_device_that_goes_down() -> None:
    down = described("down", outages=[[30.0, 100_000.0]], others_waiting=3, others_job_s=40.0)
    other = described("other", others_waiting=12, others_job_s=40.0, queue_guess=0.0)
    with DeviceBroker([down, other], clock=VirtualClock(), settings=QUICK) as broker:
        results = broker.run(made(6), shots=100)
    assert {result.device for result in results} == {"other"}
    [moved] = {
        d.reason for result in results for d in result.decisions if d.action == "withdraw" and d.device == "down"
    }
    assert "down" in moved
    assert max(result.ended_s for result in results) < 5_000


def test_a_device_that_drifts_below_the_floor_loses_its_waiting_circuits() -> None:
    drifts = described("drifts", drift_per_h=30.0, others_waiting=80, others_job_s=100.0)
    steady = described("steady", others_waiting=200, others_job_s=100.0)
    fresh = DeviceBroker([described("x")], clock=VirtualClock())
    with fresh:
        lane = fresh.lanes["x"].device
        good = lane.forecast(lane.compile(ghz(5)), 100).fidelity or 0.0
    with DeviceBroker(
        [drifts, steady], Weighted(weight=0.0, floor=good - 0.03), clock=VirtualClock(), settings=QUICK
    ) as broker:
        [result] = broker.run([ghz(5)], shots=100)
    assert result.device == "steady"
    assert next(d.device for d in result.decisions if d.action == "send") == "drifts"
    assert (result.fidelity or 0.0) >= good - 0.03


def test_a_shorter_queue_draws_waiting_circuits_over() -> None:
    near = described("near", batch=1, jobs_in_flight=1, others_load=0.5, others_job_s=200.0, seed=3)
    far = described("far", batch=1, jobs_in_flight=1)
    with DeviceBroker([near, far], clock=VirtualClock(), settings=QUICK) as broker:
        results = broker.run(made(12), shots=100)
    assert {result.device for result in results} == {"near", "far"}


@pytest.mark.parametrize(("waiting", "at_once"), [(50, 12), (0, 2)])
def test_nothing_is_held_back_behind_other_people_s_queue(waiting: int, at_once: int) -> None:
    device = described("theirs", batch=1, others_waiting=waiting, others_job_s=100.0)
    with DeviceBroker([device], clock=VirtualClock(), settings=QUICK) as broker:
        results = broker.run(made(12), shots=100)
    assert sum(result.sent_s < 1.0 for result in results) == at_once


def test_waiting_jobs_do_not_all_follow_each_other() -> None:
    """Twenty jobs wait when an empty device comes up: as many go there as end earlier behind those that went before."""
    slow = described("slow", batch=1, others_waiting=8, others_job_s=60.0)
    late = described("late", batch=1, outages=[[0.0, 300.0]])
    with DeviceBroker([slow, late], clock=VirtualClock(), settings=QUICK) as broker:
        results = broker.run(made(20), shots=100_000)
    moved = sum(result.device == "late" for result in results)
    assert 3 <= moved <= 17


def test_a_circuit_that_is_moved_often_is_not_given_up() -> None:
    """Two queues that take turns in seeming shorter: it is moved some times, then it stays, and it runs."""
    unsure = {"others_waiting": 30, "others_job_s": 300.0, "queue_guess": 1.5}
    devices = [described(name, **unsure, seed=seed) for name, seed in (("a", 1), ("b", 2))]
    settings = BrokerSettings(refresh_s=60.0, reroute_s=60.0, attempts=2, moves=3)
    with DeviceBroker(devices, clock=VirtualClock(), settings=settings) as broker:
        [result] = broker.run(made(1), shots=100)
    assert [decision.action for decision in result.decisions].count("withdraw") == 3


def test_jobs_keep_the_limits_of_the_device() -> None:
    device = described("small", batch=100, max_circuits=4)
    with DeviceBroker([device], clock=VirtualClock()) as broker:
        results = broker.run(made(10), shots=100) + broker.run(made(2), shots=50)
    jobs: dict[str, int] = {}
    for result in results:
        jobs[result.job_id] = jobs.get(result.job_id, 0) + 1
    assert max(jobs.values()) <= 4
    assert len(jobs) == 4


@pytest.mark.parametrize("budget", [Budget(shots=250), Budget(cost=2.5), Budget(qpu_s=7.0)], ids=repr)
def test_a_budget_stops_before_it_is_exceeded(budget: Budget) -> None:
    device = described("paid", "dedicated", cost_per_shot=0.01, budget=budget, batch=1)
    with DeviceBroker([device], clock=VirtualClock()) as broker:
        futures = broker.submit(made(6), shots=100)
        broker.wait(futures)
        good = [future for future in futures if future.exception() is None]
        refused = [future.exception() for future in futures if future.exception() is not None]
        spent = broker.lanes["paid"].spent()
    assert good
    assert refused
    assert all(isinstance(error, BudgetExhausted) and "budget" in str(error) for error in refused)
    for what in ("shots", "cost", "qpu_s"):
        limit = getattr(budget, what)
        assert limit is None or spent[what] <= limit


def test_a_spent_budget_leaves_the_other_devices() -> None:
    paid = described("paid", cost_per_shot=1.0, budget=Budget(cost=100.0))
    free = described("free", others_waiting=30)
    with DeviceBroker([paid, free], clock=VirtualClock()) as broker:
        results = broker.run(made(3), shots=100)
    assert sorted(result.device for result in results) == ["free", "free", "paid"]


def test_nothing_is_sent_that_the_walltime_would_cut_off() -> None:
    device = described("slow", others_waiting=50, others_job_s=100.0)
    with DeviceBroker([device], clock=VirtualClock(), ends_s=lambda: 60.0) as broker:
        [future] = broker.submit(made(1), shots=100)
        with pytest.raises(TimeoutError):
            broker.wait([future], timeout_s=100.0)
        assert broker.lanes["slow"].flights == {}


def test_needs_are_matched() -> None:
    simulator = DeviceDescription("aer", "aer")
    noisy, better = described("noisy", error_scale=4.0), described("better")
    with DeviceBroker([simulator, noisy, better], clock=VirtualClock()) as broker:

        def ran(**needs: Any) -> str:
            return broker.run([ghz(5)], shots=50, request=DeviceRequest(**needs))[0].device

        assert ran(name="noisy") == "noisy"
        assert ran(vendor="Qiskit Aer") == "aer"
        assert ran(simulator=True) == "aer"
        assert ran(min_qubits=6) == "aer"
        facts = {one.name: one for one in broker.facts()}
        limit = (facts["better"].error_2q or 0.0) * 1.5
        assert ran(simulator=False, max_error=limit) == "better"
        lane = broker.lanes["better"].device
        fidelity = lane.forecast(lane.compile(ghz(5)), 50).fidelity or 0.0
        assert ran(simulator=False, min_fidelity=fidelity - 1e-6) == "better"
        with pytest.raises(UnsatisfiableRequest, match="lacks ecr"):
            ran(simulator=False, gates=("ecr",))
        with pytest.raises(BudgetExhausted, match="fidelity"):
            ran(simulator=False, min_fidelity=0.99999)


def test_same_seed_same_history() -> None:
    def history() -> list[Any]:
        devices = [
            described("a", others_load=0.7, queue_guess=0.5),
            described("b", others_load=0.4, outages=[[100.0, 900.0]]),
        ]
        with DeviceBroker(devices, FastestCompletion(), clock=VirtualClock(), settings=QUICK) as broker:
            return [(r.device, r.ended_s, r.decisions) for r in broker.run(made(20), shots=100)]

    assert history() == history()


def test_wrong_descriptions_are_refused() -> None:
    for wrong, rule in [
        ({"kind": "nothing"}, "must be one of aer"),
        ({"kind": "emulated", "options": {"colour": 1}}, "unknown option 'colour'"),
        ({"kind": "emulated", "options": {"results": "wrong"}}, "must be one of ideal"),
    ]:
        with pytest.raises(InvalidDescription, match=rule):
            DeviceBroker([DeviceDescription("x", **wrong)])  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(InvalidDescription, match="given twice"):
        DeviceBroker([described("x"), described("x")])
    with pytest.raises(InvalidDescription, match="credential"):
        DeviceDescription("x", "ionq", options={"token": "secret"})
    with pytest.raises(InvalidDescription, match="access"):
        DeviceDescription("x", "aer", "mine")  # type: ignore[arg-type]  # as above
