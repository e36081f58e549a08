"""Machines, and the scripts that are rendered for them, as text.

The scripts in ``scripts/`` are read by people before they change. What the test cluster cannot exercise, because it has
no accounting, no cgroups and no real GPUs: ``--account``, ``--qos``, ``--mem`` (accepted, not enforced), more than one
GPU a node, ``--hint``, the sites' values of ``--constraint``, and their ``module load`` lines. Those were written from
general knowledge of the sites and ran nowhere yet.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness import machines
from harness.cases import Pool
from harness.errors import CampaignError
from harness.machines import Machine
from harness.submission import PoolShards, Submission, batch_job, script
from pilot_quantum import PilotDescription
from pilot_quantum.launchers.slurm import SlurmLauncher

SCRIPTS = Path(__file__).with_name("scripts")
GIVEN = {
    "perlmutter-cpu": ["account=m0000"],
    "perlmutter-gpu": ["account=m0000_g", "qos=debug"],
    "dgx": ["partition=batch"],
}


def machine(name: str) -> Machine:
    found = machines.load(name, GIVEN.get(name, ()))
    return found.model_copy(update={"python": "/shared/env/bin/python", "directory": "/shared/pilots"})


def pilot(name: str) -> PilotDescription:
    gpus = machine(name).gpus_per_node
    return PilotDescription("ray on two nodes", engine="ray", nodes=2, gpus_per_node=gpus, walltime_s=5400)


@pytest.mark.parametrize("name", ["perlmutter-cpu", "perlmutter-gpu", "dgx", "slurm", "slurm-test"])
def test_scripts_of_pilots(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pilot_quantum.launchers.slurm.python_path", lambda: {"PYTHONPATH": "/shared/project"})
    placed = machine(name).place(pilot(name))
    assert SlurmLauncher(placed).script() == (SCRIPTS / f"pilot-{name}.sh").read_text("utf-8")


@pytest.mark.parametrize("name", ["perlmutter-cpu", "dgx"])
def test_scripts_of_shards(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.submission.python_path", lambda: {"PYTHONPATH": "/shared/project"})
    shards = PoolShards("p", "p", tuple(((f"key{number}", 0),) for number in range(12)))
    where = Path("/shared/results/fig6/submissions/20260101T000000Z-0000")
    submission = Submission(where, replace_at_once(machine(name)), (shards,), {})
    pool = Pool("p", (pilot(name),))
    assert script(batch_job(submission, shards, pool)) == (SCRIPTS / f"shards-{name}.sh").read_text("utf-8")


def replace_at_once(found: Machine) -> Machine:
    return found.model_copy(update={"jobs_at_once": 4})


def test_a_pilot_takes_what_it_leaves_open_from_the_machine() -> None:
    placed = machine("dgx").place(PilotDescription("p", gpus_per_node=None))
    assert (placed.launcher, placed.cores_per_node, placed.gpus_per_node, placed.walltime_s) == ("slurm", 128, 8, 3600)


def test_options_of_the_pilot_win() -> None:
    own = PilotDescription("p", launcher="slurm", launcher_options={"partition": "mine"})
    assert machine("dgx").place(own).launcher_options["partition"] == "mine"


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"cores_per_node": 129}, "cores_per_node = 129: a node of 'dgx' has 128"),
        ({"gpus_per_node": 9}, "gpus_per_node = 9: a node of 'dgx' has 8"),
        ({"memory_per_node": 2**50}, "memory_per_node = 1125899906842624: a node of 'dgx' has"),
    ],
)
def test_what_no_node_has_is_refused_before_anything_is_submitted(wanted: dict[str, int], message: str) -> None:
    with pytest.raises(CampaignError, match=message):
        machine("dgx").place(replace(PilotDescription("p"), **wanted))


def test_what_a_site_requires_is_asked_for() -> None:
    with pytest.raises(CampaignError, match="machine 'perlmutter-cpu' needs 'account': add --option account=VALUE"):
        machines.load("perlmutter-cpu").place(PilotDescription("p"))


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("cores_per_node = 0\nwalltime_s = 1", [], "cores_per_node"),
        ("cores_per_node = 1\nwalltime_s = 1\ncorse = 2", [], "corse"),
        ("cores_per_node = 1\nwalltime_s = 1\noptions = {partion = 'x'}", [], "unknown option 'partion'"),
        ("cores_per_node = 1\nwalltime_s = 1", ["acount=x"], "KEY=VALUE with KEY one of account"),
        ("cores_per_node = [", [], "m.toml"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, text: str, options: list[str], message: str) -> None:
    file = tmp_path / "m.toml"
    file.write_text(text)
    with pytest.raises(CampaignError) as failure:
        machines.load(str(file), options)
    assert message in str(failure.value)


def test_a_machine_that_is_none() -> None:
    with pytest.raises(CampaignError, match=r"neither a file nor one of dgx, .*; did you mean perlmutter-cpu\?|'perl"):
        machines.load("perlmuter-cpu")


def test_every_shipped_machine_is_valid() -> None:
    assert {"dgx", "perlmutter-cpu", "perlmutter-gpu", "slurm", "slurm-test"} <= set(machines.shipped())
    for name in machines.shipped():
        assert machines.load(name).description
