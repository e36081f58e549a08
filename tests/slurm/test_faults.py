"""Things that go wrong on a cluster: the work is finished on what is left, and the reason is told in one line."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from pilot_quantum import Pilot, PilotDescription, PilotFailed, PilotManager, PilotState
from pilot_quantum.launchers.slurm import SlurmLauncher
from tests.slurm import tasks
from tests.slurm.conftest import START_S, slurm, until

pytestmark = pytest.mark.timeout(240)
Describe = Callable[..., PilotDescription]


def job_of(pilot: Pilot) -> str:
    launcher = pilot._launcher
    assert isinstance(launcher, SlurmLauncher)
    assert launcher.job is not None
    return launcher.job


def all_done(manager: PilotManager, disturb: Callable[[], object]) -> None:
    """Run tasks, disturb them after a while, and see that each gives its answer."""
    work = manager.submit_tasks(tasks.slow, range(60))
    until(lambda: any(task.done() for task in work))
    disturb()
    assert [task.result(90) for task in work] == list(range(60))


def test_a_cancelled_job_hands_its_tasks_to_the_other_pilot(
    manager: PilotManager, describe: Describe, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    a, b = (manager.submit_pilot(describe(name)).wait(START_S) for name in "ab")
    file = str(tmp_path / "ran")
    work = [manager.submit_task(tasks.noted, number, file) for number in range(60)]
    until(lambda: sum(task.done() for task in work) > 8)
    slurm("scancel", job_of(a))
    assert [task.result(60) for task in work] == list(range(60))
    until(lambda: a.state.final)
    assert (a.state, b.state) == (PilotState.FAILED, PilotState.RUNNING)
    assert f"pilot 'a' has ended: job {job_of(a)} was cancelled" in caplog.messages
    again = [count for count in Counter(Path(file).read_text().split()).values() if count > 1]
    assert len(again) <= 4  # only what was under way was run twice


def test_a_node_that_is_set_down_is_left_out(
    manager: PilotManager, describe: Describe, caplog: pytest.LogCaptureFixture
) -> None:
    pilot = manager.submit_pilot(describe("p", nodes=2)).wait(START_S)
    node = pilot._allocation.nodes[1].host
    try:
        all_done(manager, lambda: slurm("scontrol", "update", f"nodename={node}", "state=down", "reason=test"))
    finally:
        slurm("scontrol", "update", f"nodename={node}", "state=resume")
    assert pilot.state is PilotState.RUNNING
    assert pilot.view.workers == pilot.view.cores == 2
    assert f"pilot 'p': node {node} is gone: its agent hung up; it goes on with 1 node(s)" in caplog.messages
    pilot.wait(1)
    until(lambda: "qhpcnode" in slurm("sinfo", "-h", "-N", "-p", "main", "-t", "idle", "-o", "%N"))


def test_tasks_go_on_while_the_controller_is_away(manager: PilotManager, describe: Describe, cluster: Path) -> None:
    manager.submit_pilot(describe("a", nodes=2)).wait(START_S)
    pid = int((cluster / "pid/slurmctld.pid").read_text())

    def restart() -> None:
        os.kill(pid, signal.SIGTERM)
        until(lambda: not (cluster / "pid/slurmctld.pid").exists() or not Path(f"/proc/{pid}/exe").exists())
        time.sleep(1)
        subprocess.run(["slurmctld", "-f", cluster / "slurm.conf"], check=True)

    all_done(manager, restart)
    manager.submit_pilot(describe("b")).wait(START_S)


def test_a_job_that_cannot_start_is_given_up(
    manager: PilotManager, describe: Describe, caplog: pytest.LogCaptureFixture
) -> None:
    limit = {"partition": "closed", "queue_limit_s": 2.0}
    with pytest.raises(PilotFailed, match=r"no node after 2 s: job \d+ waits in the queue \(PartitionDown: the part"):
        manager.submit_pilot(describe("p", options=limit)).wait(START_S)
    assert any("pilot 'p': job" in line and "the partition is down" in line for line in caplog.messages)


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({"nodes": 9}, "PartitionConfig: no node, or too few"),
        ({"options": {"partition": "short"}, "walltime_s": 3600}, "PartitionTimeLimit: it asks for more time"),
        ({"options": {"partition": "none such"}}, "invalid partition specified: none such"),
        ({"options": {"constraint": "none"}}, "Invalid feature specification"),
        ({"options": {"reservation": "none"}}, "Requested reservation is invalid"),
        ({"options": {"licenses": "none:1"}}, "Invalid license specification"),
        ({"options": {"gres": "none:1"}}, "Invalid generic resource"),
    ],
)
def test_what_can_never_start_fails_at_once(
    manager: PilotManager, describe: Describe, wanted: dict[str, object], reason: str
) -> None:
    with pytest.raises(PilotFailed) as failure:
        manager.submit_pilot(describe("p", **wanted)).wait(START_S)
    assert reason in str(failure.value)


def test_what_the_job_printed_is_part_of_the_error(manager: PilotManager, describe: Describe) -> None:
    with pytest.raises(PilotFailed, match=r"job \d+ failed .*; the last lines of .*job-\d+\.log: .*No such file"):
        manager.submit_pilot(describe("p", options={"python": "/nonexistent/python"})).wait(START_S)


def test_grace_before_the_time_limit_is_used(
    manager: PilotManager, describe: Describe, caplog: pytest.LogCaptureFixture
) -> None:
    """The limit is a minute, the warning comes half a minute earlier: the rest runs on the other pilot."""
    caplog.set_level(logging.WARNING)
    a = manager.submit_pilot(describe("a", walltime_s=60, options={"grace_s": 30})).wait(START_S)
    b = manager.submit_pilot(describe("b")).wait(START_S)
    work = [manager.submit_task(tasks.slow, number, 4.0) for number in range(24)]
    until(lambda: a.state.final, 70)
    assert a.state is PilotState.DONE
    assert "pilot 'a' takes nothing new: the batch system will end it soon" in caplog.messages
    assert [task.result(90) for task in work] == list(range(24))
    assert {task.trace().attempt for task in work} == {1}  # nothing was lost, so nothing ran twice
    assert b.state is PilotState.RUNNING


def test_a_driver_that_dies_leaves_no_job(describe: Describe, tmp_path: Path) -> None:
    program = f"""
from pilot_quantum import PilotDescription, PilotManager
manager = PilotManager()
manager.submit_pilot({describe("p")!r}).wait(60)
print("up", flush=True)
import time; time.sleep(60)
"""
    import sys

    driver = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert driver.stdout is not None
    assert driver.stdout.readline() == "up\n"
    driver.kill()
    driver.wait()
    driver.stdout.close()
    until(lambda: not slurm("squeue", "--noheader"), 30)
