"""The launcher ``psij`` on a real Slurm, and on this machine without one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pilot_quantum import (
    InvalidDescription,
    PilotDescription,
    PilotFailed,
    PilotManager,
    UnsatisfiableRequest,
    launchers,
)
from tests.slurm import tasks
from tests.slurm.conftest import ADDRESS, START_S, slurm, until

pytestmark = pytest.mark.timeout(120)


def describe(tmp_path: Path, **options: object) -> PilotDescription:
    told = {"directory": str(tmp_path / "files"), "address": ADDRESS, **options}
    return PilotDescription("p", launcher="psij", nodes=2, cores_per_node=2, walltime_s=120, launcher_options=told)


def test_a_pilot_of_two_nodes(manager: PilotManager, tmp_path: Path) -> None:
    pilot = manager.submit_pilot(describe(tmp_path)).wait(START_S)
    done = manager.submit_tasks(tasks.node, range(48))
    assert len({task.result(60) for task in done}) == 2
    pilot.release()
    until(lambda: not slurm("squeue", "--noheader"))


def test_a_job_that_is_cancelled_ends_the_pilot(manager: PilotManager, tmp_path: Path) -> None:
    pilot = manager.submit_pilot(describe(tmp_path)).wait(START_S)
    slurm("scancel", slurm("squeue", "--noheader", "--format=%A").strip())
    until(lambda: pilot.state.final)
    with pytest.raises(UnsatisfiableRequest):
        manager.submit_task(abs, -1)


def test_a_job_that_is_not_accepted(manager: PilotManager, tmp_path: Path) -> None:
    with pytest.raises(PilotFailed, match="the job was not accepted by slurm"):
        manager.submit_pilot(describe(tmp_path, queue="none")).wait(START_S)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"queue": 'x" $(touch pwned)'}, "only letters, digits"),
        ({"attributes": {"slurm.comment": "a\nb"}}, "only letters, digits"),
        ({"executor": "slrum"}, "PSI/J has: "),
    ],
)
def test_what_psij_would_not_escape_is_refused(tmp_path: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidDescription, match=message):
        launchers.load("psij")(describe(tmp_path, **options))
