"""Inside the job of a shard: how long there is, and how pilots take the job's own nodes."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from pilot_quantum.launchers.slurm_jobs import SlurmError, parse_time, run_slurm

if TYPE_CHECKING:
    from pilot_quantum import PilotDescription

    from .machines import Machine
    from .session import Place


def budget_s(grace_s: float) -> float | None:
    """Return the seconds in which repeats may be started, from what Slurm says is left; None if it does not say.

    None is started after the job was told to end, ``grace_s`` before its limit: it would be cut off.
    """
    job = os.environ.get("SLURM_JOB_ID")
    if job is None:
        return None
    with suppress(SlurmError):
        left_s = parse_time(run_slurm(["squeue", "--noheader", f"--jobs={job}", "--format=%L"]).strip())
        return None if left_s is None else max(1.0, left_s - min(grace_s, left_s / 2))
    return None


def place(machine: Machine) -> Place:
    """Return how the pilots of a campaign are asked for within a job: on its nodes, and no longer than it lasts.

    A pilot of one node needs no agent, unless its engine starts MPI programs, which is srun's to do.
    """

    def inside(pilot: PilotDescription) -> PilotDescription:
        sized = replace(machine.sized(pilot), walltime_s=None)
        alone = os.environ.get("SLURM_JOB_NUM_NODES", "1") == "1"
        if alone and sized.nodes == 1 and sized.engine != "mpi":
            return replace(sized, launcher="local", launcher_options={})
        options = {"address": machine.address} if machine.address else {}
        return replace(sized, launcher="slurm", launcher_options=options)

    return inside
