"""How MPI programs are launched, and what their launchers tell them: pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_RANK_VARIABLES = ("PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK", "SLURM_PROCID")
_LAUNCHER_PREFIXES = ("PMI_", "PMIX_", "OMPI_COMM_WORLD_", "HYDI_", "HYDRA_", "MPI_LOCAL")
JOB_SHAPE = ("SLURM_NTASKS_PER_NODE", "SLURM_NTASKS", "SLURM_NPROCS", "SLURM_CPUS_PER_TASK", "SLURM_DISTRIBUTION")
"""Variables by which a job tells its steps how many tasks they have by default."""


def mpiexec_command(launcher: Sequence[str], ranks: int, program: Sequence[str]) -> list[str]:
    """Return the command that starts ``ranks`` copies of a program with an ``mpiexec``.

    Parameters
    ----------
    launcher
        The launcher and its own options, such as ``["mpiexec", "-bind-to", "core"]``.
    ranks
        Number of ranks.
    program
        The program and its arguments.
    """
    return [*launcher, "-n", str(ranks), *program]


def srun_command(ranks: int, program: Sequence[str], *, mpi: str = "pmi2", nodes: Sequence[str] = ()) -> list[str]:
    """Return the command that starts ``ranks`` copies of a program as a step of the Slurm job we are in.

    The step shares all that the job has with other steps, because the pilot shares it out itself: steps with cores,
    memory or GPUs of their own would wait for each other. It ends when one rank fails.

    Parameters
    ----------
    ranks
        Number of ranks.
    program
        The program and its arguments.
    mpi
        Which interface the MPI library speaks to srun.
    nodes
        The node of each rank; empty means any of the job.
    """
    command = ["srun", f"--mpi={mpi}", f"--ntasks={ranks}", "--cpus-per-task=1", "--mem=0", "--kill-on-bad-exit=1"]
    command += ["--overlap", "--cpu-bind=none"]
    if nodes:
        command += [f"--nodes={len(set(nodes))}", "--distribution=arbitrary", f"--nodelist={','.join(nodes)}"]
    return [*command, *program]


def launcher_rank(environment: Mapping[str, str]) -> int | None:
    """Return the rank that the launcher gave this process; None if it does not say."""
    for name in _RANK_VARIABLES:
        if environment.get(name, "").isdigit():
            return int(environment[name])
    return None


def without_launcher(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a process that is itself a rank, without what its own launcher told it.

    Otherwise a launcher that it starts would take itself for a rank of the outer job.
    """
    return {name: value for name, value in environment.items() if not name.startswith(_LAUNCHER_PREFIXES)}
