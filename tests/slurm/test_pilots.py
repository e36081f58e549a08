"""Pilots of one, two and four nodes on a real Slurm, with every engine that knows nodes."""

from __future__ import annotations

import json
import socket
import stat
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client
from pathlib import Path

import psutil
import pytest

from pilot_quantum import (
    DeviceDescription,
    DeviceRequest,
    Pilot,
    PilotDescription,
    PilotFailed,
    PilotManager,
    Resources,
    TaskDescription,
)
from pilot_quantum.launchers.slurm import SlurmLauncher
from pilot_quantum.launchers.slurm_watch import watcher
from tests.slurm import tasks
from tests.slurm.conftest import START_S, slurm, until

pytestmark = pytest.mark.timeout(240)
Describe = Callable[..., PilotDescription]


def ray_directories() -> set[Path]:
    """Return what Ray has on its nodes, which all are this machine."""
    return {path for path in Path("/tmp").glob("pq-*") if len(path.name) == len("pq-01234567")}  # noqa: S108 - looked at


@pytest.mark.parametrize(
    ("engine", "nodes"), [("processes", 1), ("processes", 4), ("dask", 1), ("dask", 2), ("dask", 4), ("ray", 2)]
)
def test_every_node_takes_tasks(manager: PilotManager, describe: Describe, engine: str, nodes: int) -> None:
    before = ray_directories()
    pilot = manager.submit_pilot(describe("p", engine=engine, nodes=nodes)).wait(START_S)
    assert pilot.view.workers == pilot.view.cores == 2 * nodes
    assert {"submit", "queue", "nodes"} == set(pilot.launcher_s)
    assert {"launcher", "engine", "first_worker", "workers"} == set(pilot.startup_s)
    done = manager.submit_tasks(tasks.node, range(24 * nodes))
    assert len({task.result(60) for task in done}) == nodes
    traced = {task.trace().host for task in done}
    assert traced == {task.result() for task in done}  # the runtime knows where its tasks ran
    assert [task.result(60) for task in manager.submit_tasks(abs, range(-500, 0))] == list(range(500, 0, -1))
    pilot.release()
    assert ray_directories() <= before


def test_tasks_of_two_cores_share_no_node(manager: PilotManager, describe: Describe) -> None:
    manager.submit_pilot(describe("p", nodes=2)).wait(START_S)
    wide = [
        manager.submit_task(TaskDescription(tasks.node, (number,), resources=Resources(cpus=2))) for number in range(8)
    ]
    traces = [(task.result(60), task.trace()) for task in wide]
    for host in {host for host, _ in traces}:
        spans = sorted((trace.started_s or 0.0, trace.ended_s or 0.0) for name, trace in traces if name == host)
        assert all(end <= start for (_, end), (start, _) in pairwise(spans))


def test_ranks_of_an_mpi_task_are_on_two_nodes(manager: PilotManager, describe: Describe) -> None:
    manager.submit_pilot(describe("p", engine="mpi", nodes=2)).wait(START_S)
    gang = TaskDescription(tasks.summed, (10,), resources=Resources(ranks=2, cpus=2))
    ranks = manager.submit_task(gang).result(60)
    assert [rank[:3] for rank in ranks] == [(0, 2, 21), (1, 2, 21)]
    assert len({rank[3] for rank in ranks}) == 2
    assert manager.submit_task(abs, -1).result(60) == 1  # ordinary tasks run beside gangs


@pytest.mark.parametrize("engine", ["processes", "mpi"])
def test_a_gang_of_jax_processes_spans_nodes(manager: PilotManager, describe: Describe, engine: str) -> None:
    manager.submit_pilot(describe("p", engine=engine, nodes=2)).wait(START_S)
    gang = TaskDescription(tasks.gathered, (10,), resources=Resources(ranks=2, cpus=2))
    assert manager.submit_task(gang).result(120) == [(21.0, 2)] * 2


def test_gpus_of_the_job_are_bound_to_workers_and_ranks(manager: PilotManager, describe: Describe) -> None:
    pilot = manager.submit_pilot(describe("p", engine="mpi", gpus_per_node=1, nodes=2)).wait(START_S)
    assert pilot.view.gpus == 2
    gang = TaskDescription(tasks.bound, resources=Resources(ranks=2, gpus_per_rank=1))
    ranks = manager.submit_task(gang).result(60)
    assert len({node for node, _ in ranks}) == 2  # a node has one GPU, so the ranks are on two
    assert [gpus for _, gpus in ranks] == ["0", "0"]
    found = manager.submit_task(tasks.environment, ["CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS"]).result(60)
    assert found == {"CUDA_VISIBLE_DEVICES": "0", "OMP_NUM_THREADS": "1"}


def test_quantum_devices_of_the_job_are_known(
    manager: PilotManager, describe: Describe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A licence, a generic resource, and what QRMI's plug-in would put into the environment of the job."""
    monkeypatch.setenv("QRMI_JOB_QPU_RESOURCES", "ibm_a")
    monkeypatch.setenv("QRMI_JOB_QPU_TYPES", "direct-access")
    monkeypatch.setenv("ibm_a_QRMI_IBM_DA_ENDPOINT", "http://127.0.0.1:1")
    options = {"licenses": "vendor_qpu:1", "gres": "qpu:1"}
    launcher = manager.submit_pilot(describe("p", options=options)).wait(START_S)._launcher
    assert isinstance(launcher, SlurmLauncher)
    assert [(qpu.name, qpu.source) for qpu in launcher.qpus] == [
        ("ibm_a", "qrmi"),
        ("vendor_qpu", "licence"),
        ("qpu", "gres"),
    ]
    assert launcher.qpus[0].settings == {"IBM_DA_ENDPOINT": "http://127.0.0.1:1"}


def test_a_generic_resource_and_a_licence_are_devices_of_the_pilot(manager: PilotManager, describe: Describe) -> None:
    held = [DeviceDescription(f"d-{name}", "aer", resource=name) for name in ("qpu", "vendor_qpu")]
    wanted = describe("p", options={"gres": "qpu:1", "licenses": "vendor_qpu:1"})
    manager.submit_pilot(replace(wanted, devices=tuple(held))).wait(START_S)
    for name in ("d-qpu", "d-vendor_qpu"):
        need = Resources(device=DeviceRequest(name=name))
        task = manager.submit_task(TaskDescription(tasks.bell, resources=need))
        assert task.result(60) == {"00", "11"}
        assert [(d.device, d.action) for d in task.trace().routing] == [(name, "send")]


def test_a_device_that_the_job_was_not_given_fails_the_pilot(manager: PilotManager, describe: Describe) -> None:
    wanted = replace(describe("p"), devices=(DeviceDescription("d", "aer", resource="vendor_qpu"),))
    with pytest.raises(PilotFailed, match="gave the job no resource 'vendor_qpu'; it gave none"):
        manager.submit_pilot(wanted).wait(START_S)


def test_a_pilot_ends_no_later_than_its_job(manager: PilotManager, describe: Describe) -> None:
    """Slurm shortens what it was asked for: the partition allows a minute; the pilot knows."""
    pilot = manager.submit_pilot(describe("p", walltime_s=None, options={"partition": "short"})).wait(START_S)
    left_s = pilot._allocation.ends_in_s
    assert left_s is not None
    assert 20 < left_s <= 60


def test_the_job_ends_with_the_pilot_and_leaves_no_file(
    manager: PilotManager, describe: Describe, tmp_path: Path
) -> None:
    pilot = manager.submit_pilot(describe("p")).wait(START_S)
    pilot.release()
    until(lambda: not slurm("squeue", "--noheader"))
    assert list((tmp_path / "pilot files").iterdir()) == []


def test_one_query_serves_all_pilots(manager: PilotManager, describe: Describe) -> None:
    before = watcher.queries
    pilots = [manager.submit_pilot(describe(f"p{number}")) for number in range(4)]
    for pilot in pilots:
        pilot.wait(START_S)
    manager.close()
    assert watcher.queries - before < 4 * len(pilots)


# The channel.


def _contact(pilot: Pilot) -> Path:
    launcher = pilot._launcher
    assert isinstance(launcher, SlurmLauncher)
    assert launcher._directory is not None
    return launcher._directory / "contact.json"


def test_only_the_owner_can_read_the_key(manager: PilotManager, describe: Describe) -> None:
    contact = _contact(manager.submit_pilot(describe("p")).wait(START_S))
    assert stat.S_IMODE(contact.stat().st_mode) == 0o600
    assert stat.S_IMODE(contact.parent.stat().st_mode) == 0o700
    key = json.loads(contact.read_text())["key"]
    script = (contact.parent / "job.sh").read_text()
    shown = "\n".join(" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"]))
    assert "pilot_quantum.launchers._agent" in shown
    assert key not in script + shown


def test_an_agent_without_the_key_is_turned_away(manager: PilotManager, describe: Describe) -> None:
    contact = json.loads(_contact(manager.submit_pilot(describe("p")).wait(START_S)).read_text())
    host, _, port = contact["address"].rpartition(":")
    assert socket.gethostbyname(host) == host
    with pytest.raises((OSError, EOFError, AuthenticationError)):
        Client((host, int(port)), authkey=b"guess").recv()
