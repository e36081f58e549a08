"""The local IonQ service with the vendor's own client, and what our device makes of its trouble."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from qiskit import QuantumCircuit, transpile

from pilot_quantum import DeviceDescription, DeviceRequest, UnsatisfiableRequest
from pilot_quantum.devices import DeviceError
from pilot_quantum.devices._ionq_jobs import FAILURES
from pilot_quantum.devices.broker import BrokerSettings, DeviceBroker
from pilot_quantum.devices.ionq import RETRIABLE
from pilot_quantum.devices.ionq_service import IonqService, ServiceSettings, running
from pilot_quantum.devices.journal import Journal
from tests.contracts.devices.conftest import bell, ghz

KEY = "the-key-of-this-test-49d1c7"
QUICK = BrokerSettings(refresh_s=0.3, retry_s=0.1, stuck_s=2.0, attempts=10)


class Running:
    def __init__(self, service: IonqService, url: str) -> None:
        self.service, self.url, self.faults = service, url, service.settings.faults

    def device(self, access: Any = "shared", **options: Any) -> DeviceDescription:
        return DeviceDescription("ionq", "ionq", access, {"url": self.url, "visible_s": 0.6, "poll_s": 0.2, **options})

    def jobs(self) -> list[Any]:
        return self.service.store.listed(before=None, limit=1000, visible_before=time.time())

    def accepted(self) -> int:
        return len(self.jobs())


@pytest.fixture
def ionq(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    service = IonqService(ServiceSettings(run_s=0.02, key=KEY))
    with running(service) as url:
        monkeypatch.setenv("IONQ_API_KEY", KEY)
        monkeypatch.setenv("IONQ_API_URL", url)
        yield Running(service, url)


@pytest.mark.filterwarnings("ignore:.*optimization_level.*:UserWarning")
def test_the_unmodified_client_of_the_vendor_works(ionq: Running) -> None:
    from qiskit_ionq import IonQProvider

    provider = IonQProvider(url=ionq.url)
    simulator, qpu = provider.get_backend("simulator"), provider.get_backend("qpu.forte-1")
    assert (simulator.num_qubits, qpu.num_qubits) == (29, 36)
    circuit = transpile(bell(), simulator, optimization_level=1)
    job = simulator.run(circuit, shots=100, sampler_seed=3)
    assert job.result(wait=0.05).get_counts().keys() == {"00", "11"}
    several = simulator.run([circuit, transpile(ghz(3), simulator, optimization_level=1)], shots=10)
    assert [set(one) for one in several.result(wait=0.05).get_counts()] == [{"00", "11"}, {"000", "111"}]
    assert qpu.calibration().median_spam_fidelity == pytest.approx(0.995)
    assert qpu.client.estimate_job(backend="qpu.forte-1", oneq_gates=10, twoq_gates=3, qubits=4, shots=100).cost > 0


@pytest.mark.parametrize("fault", ["429", "500", "502", "503", "504", "reset", "drop", "503-after"])
def test_a_submission_that_goes_wrong_is_neither_lost_nor_repeated(ionq: Running, fault: str, tmp_path: Path) -> None:
    ionq.faults.visible_after_s = 0.2
    ionq.faults.script = [["POST /jobs", fault, 1]]
    with Journal(tmp_path / "j") as journal, DeviceBroker([ionq.device()], journal=journal, settings=QUICK) as broker:
        [result] = broker.run([bell()], shots=20)
    assert sum(result.counts.values()) == 20
    assert ionq.accepted() == 1
    assert len(result.decisions) > 1


@pytest.mark.parametrize("fault", ["429", "503", "reset"])
def test_polls_and_results_survive_a_burst(ionq: Running, fault: str) -> None:
    ionq.faults.script = [["GET /jobs", fault, 3]]
    with DeviceBroker([ionq.device()], settings=QUICK) as broker:
        [result] = broker.run([bell()], shots=20)
    assert sum(result.counts.values()) == 20
    assert ionq.accepted() == 1


@pytest.mark.parametrize("code", FAILURES)
def test_each_failure_is_tried_again_or_told(ionq: Running, code: str) -> None:
    ionq.faults.jobs = [code]
    with DeviceBroker([ionq.device()], settings=QUICK) as broker:
        if code in RETRIABLE:
            assert broker.run([bell()], shots=20)[0].device == "ionq"
            assert ionq.accepted() == 2
        else:
            with pytest.raises(DeviceError, match=code):
                broker.run([bell()], shots=20)
            assert ionq.accepted() == 1


def test_a_stuck_job_is_withdrawn_and_sent_again(ionq: Running) -> None:
    ionq.faults.jobs = ["stuck"]
    with DeviceBroker([ionq.device()], settings=QUICK) as broker:
        [result] = broker.run([bell()], shots=20)
    actions = [d.action for d in result.decisions]
    assert [action for action in actions if action != "wait"] == ["send", "withdraw", "send"]
    states = [
        row["canceled"] is not None for row in ionq.service.store.listed(before=None, limit=9, visible_before=2e9)
    ]
    assert sorted(states) == [False, True]


def test_a_session_that_the_service_ended_is_opened_again_and_closed_at_last(ionq: Running) -> None:
    with DeviceBroker([ionq.device("session", backend="qpu.forte-1")], settings=QUICK) as broker:
        broker.run([bell()], shots=20)
        ionq.service.store.end_session()
        broker.run([ghz(3)], shots=20)
    sessions = ionq.service.store.sessions()
    assert len(sessions) == 2
    assert all(row["ended"] is not None for row in sessions)
    assert ionq.accepted() == 2


def test_a_degraded_and_ageing_device_says_so_and_is_avoided(ionq: Running) -> None:
    def fidelity() -> float:
        with DeviceBroker([ionq.device(backend="qpu.aria-1")], settings=QUICK) as broker:
            device = broker.lanes["ionq"].device
            assert device.facts().online
            return device.forecast(device.compile(ghz(5)), 100).fidelity or 0.0

    good = fidelity()
    ionq.faults.status = {"qpu.aria-1": "degraded"}
    ionq.faults.calibration_age_s = 48 * 3600.0
    assert fidelity() < good
    with DeviceBroker([ionq.device(backend="qpu.aria-1")], settings=QUICK) as broker:
        facts = broker.lanes["ionq"].device.facts()
        assert facts.note == "degraded"
        assert facts.calibrated_s == pytest.approx(-48 * 3600.0, abs=60)
        with pytest.raises(UnsatisfiableRequest, match="two-qubit error"):
            broker.run([bell()], shots=20, request=DeviceRequest(max_error=0.005))


def test_the_journal_gives_back_what_was_paid(ionq: Running, tmp_path: Path) -> None:
    for _ in range(2):
        with Journal(tmp_path / "j") as journal, DeviceBroker([ionq.device()], journal=journal) as broker:
            [result] = broker.run([bell()], shots=20, key="mine")
    assert result.recovered
    assert ionq.accepted() == 1


def test_no_credential_in_logs_journal_errors_or_process_list(
    ionq: Running, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    ionq.faults.script = [["POST /jobs", "drop", 1], ["GET /jobs", "503", 2]]
    ionq.faults.jobs = [None, "InvalidInput"]
    said: list[object] = []
    with Journal(tmp_path / "j") as journal, DeviceBroker([ionq.device()], journal=journal, settings=QUICK) as broker:
        said += broker.run([bell()], shots=20)
        wrong = broker.submit([ghz(4)], shots=20)[0]
        said.append(repr(wrong.exception(30)))
        said += [broker.facts(), ionq.device()]
    out = capfd.readouterr()
    found = psutil.process_iter(["cmdline"])  # of a process that has ended, nothing
    commands = [" ".join(process.info["cmdline"] or []) for process in found]
    everything = "\n".join([repr(said), caplog.text, (tmp_path / "j").read_text(), out.out, out.err, *commands])
    assert "InvalidInput" in everything
    assert KEY not in everything


def test_a_circuit_that_the_service_refuses_does_not_take_others_down(ionq: Running) -> None:
    narrow = QuantumCircuit(1, 1)
    narrow.x(0)
    narrow.measure(0, 0)
    with DeviceBroker([ionq.device()], settings=QUICK) as broker:
        broker.run([bell(), narrow], shots=20)  # compiled now, so that both travel in one job from here on
        before = ionq.accepted()
        ionq.faults.jobs = ["InvalidInput", None, None]
        results = broker.run([bell(), narrow], shots=20)
    assert results[1].counts == {"1": 20}
    assert ionq.accepted() == before + 3
