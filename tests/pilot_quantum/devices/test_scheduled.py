"""Devices that a batch system gives to a job: from the environment as QRMI sets it to counts, credentials included."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from qiskit import qasm2

from harness.traces import chrome_trace, timeline_of
from pilot_quantum import (
    DeviceDescription,
    DeviceRequest,
    PilotDescription,
    PilotFailed,
    PilotManager,
    Resources,
    RunTrace,
    TaskDescription,
)
from pilot_quantum.devices.ionq_service import IonqService, ServiceSettings, running
from pilot_quantum.devices.scheduled import given, returned, settings_of
from pilot_quantum.launchers.qpus import Qpu
from tests.contracts.devices.conftest import bell

KEY = "canary-of-a-batch-system-5a1c"
TORINO = Qpu("ibm_torino", "qiskit-runtime-service", settings={"IBM_QRS_IAM_APIKEY": KEY, "IBM_QRS_SERVICE_CRN": "crn"})
HERON = Qpu("test_heron", "ibm-quantum-system")
LICENCE = Qpu("ionq_seat", source="licence", count=2)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running(IonqService(ServiceSettings(run_s=0.02, key=KEY))) as address:
        yield address


@pytest.fixture
def qrmi(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the environment as QRMI's SPANK plug-in does for ``--qpu=simulator,test_heron`` (its README)."""
    monkeypatch.delenv("IONQ_API_KEY", raising=False)
    for name, value in {
        "QRMI_JOB_QPU_RESOURCES": "simulator,test_heron",
        "QRMI_JOB_QPU_TYPES": "ionq-cloud,ibm-quantum-system",
        "SLURM_JOB_QPU_RESOURCES": "simulator,test_heron",
        "SLURM_JOB_QPU_TYPES": "ionq-cloud,ibm-quantum-system",
        "simulator_QRMI_IONQ_CLOUD_API_KEY": KEY,
        "test_heron_QRMI_IBM_QS_ENDPOINT": "http://127.0.0.1:1",
    }.items():
        monkeypatch.setenv(name, value)


def run_bell(*, device: Any) -> int:
    [counts] = device.run([qasm2.dumps(bell())], shots=20)
    return sum(counts.values())


def pilot(*devices: DeviceDescription, **options: Any) -> PilotDescription:
    return PilotDescription("qpus", engine="inline", devices=devices, device_options=options)


def described(url: str, resource: str) -> DeviceDescription:
    return DeviceDescription("ions", "ionq", "shared", {"url": url, "visible_s": 1.0}, resource=resource)


@pytest.mark.usefixtures("qrmi")
@pytest.mark.parametrize("how", ["described", "scheduled"])
def test_from_the_environment_to_counts(
    how: str, url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("IONQ_API_URL", url)
    wanted = pilot(described(url, "simulator")) if how == "described" else pilot(scheduled=True)
    with PilotManager() as manager:
        manager.submit_pilot(wanted)
        task = manager.submit_task(TaskDescription(run_bell, resources=Resources(device=DeviceRequest())))
        assert task.result(60) == 20
        trace = RunTrace.of([task], manager.pilots())
    [sent] = [decision for decision in trace.tasks[0].routing if decision.action == "send"]
    assert sent.device == ("ions" if how == "described" else "simulator")
    unknown = [record.getMessage() for record in caplog.records if "test_heron" in record.getMessage()]
    assert len(unknown) == (how == "scheduled")
    told = repr((trace, wanted, chrome_trace(timeline_of(trace)))) + caplog.text
    assert KEY not in told


@pytest.mark.usefixtures("qrmi")
@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (pilot(described("http://127.0.0.1:1", "forte")), "the job no resource 'forte'; it gave 'simulator' (qrmi,"),
        (pilot(described("http://127.0.0.1:1", "seat")), "no resource 'seat'"),
    ],
)
def test_what_the_job_was_not_given_fails_the_pilot(wanted: PilotDescription, said: str) -> None:
    with PilotManager() as manager, pytest.raises(PilotFailed) as failure:
        manager.submit_pilot(wanted).wait(30)
    assert said in str(failure.value)
    assert "\n" not in str(failure.value)
    assert KEY not in str(failure.value)


def test_a_licence_is_a_device_that_is_described() -> None:
    [device] = given([described("u", "ionq_seat")], [LICENCE, HERON], every=False)
    assert (device.name, device.kind) == ("ions", "ionq")


def test_nothing_that_can_be_used_is_said_in_one_line() -> None:
    with pytest.raises(PilotFailed, match=r"type 'ibm-quantum-system' is not used.*valid: qiskit-runtime-service"):
        given([], [HERON], every=True)
    with pytest.raises(PilotFailed, match="no device is left to use; it gave none"):
        given([], [], every=True)


def test_settings_belong_to_one_pilot_and_are_forgotten() -> None:
    one, two = given([], [TORINO], every=True), given([], [Qpu("ibm_torino", "qiskit-runtime-service")], every=True)
    assert one[0].kind == "ibm"
    assert one[0].options == {"backend": "ibm_torino"}
    assert settings_of(one[0])["IBM_QRS_IAM_APIKEY"] == KEY
    assert settings_of(two[0]) == {}
    assert KEY not in repr((one, TORINO))
    returned((*one, *two))
    assert settings_of(one[0]) == {}


def test_a_session_of_the_plug_in_is_used() -> None:
    opened = Qpu("ibm_x", "ibm-quantum-compute-service", settings={"JOB_ACQUISITION_TOKEN": "s-1"})
    [device] = given([], [opened], every=True)
    assert device.access == "session"
    returned([device])


def test_what_the_plug_in_could_not_acquire_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QRMI_PLUGIN_ERROR", "acquisition failed: backend is paused")
    with PilotManager() as manager, pytest.raises(PilotFailed, match=r"could not acquire.*backend is paused"):
        manager.submit_pilot(pilot(scheduled=True)).wait(30)
