"""How MPI programs are launched, and what their launchers tell them: pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_RANK_VARIABLES = ("PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK", "SLURM_PROCID")
_LAUNCHER_PREFIXES = ("PMI_", "PMIX_", "OMPI_COMM_WORLD_", "HYDI_", "HYDRA_", "MPI_LOCAL")


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


def srun_command(
    ranks: int, program: Sequence[str], *, cpus_per_rank: int = 1, gpus_per_rank: int = 0, nodes: Sequence[str] = ()
) -> list[str]:
    """Return the command that starts ``ranks`` copies of a program as a step of the Slurm job we are in.

    The step takes no more than it asks for, so that several fit into one job, and ends when one rank fails.

    Parameters
    ----------
    ranks
        Number of ranks.
    program
        The program and its arguments.
    cpus_per_rank
        Cores of each rank; said explicitly, because srun does not inherit it from sbatch.
    gpus_per_rank
        GPUs that each rank sees, and no other rank; 0 asks for none.
    nodes
        Hosts to use; empty means any of the job.
    """
    command = ["srun", "--mpi=pmi2", f"--ntasks={ranks}", f"--cpus-per-task={cpus_per_rank}", "--exact"]
    command += ["--kill-on-bad-exit=1"]
    if gpus_per_rank:
        command += [f"--gpus-per-task={gpus_per_rank}", f"--gpu-bind=per_task:{gpus_per_rank}"]
    if nodes:
        command += [f"--nodelist={','.join(nodes)}"]
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
