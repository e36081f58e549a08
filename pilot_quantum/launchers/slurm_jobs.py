"""What Slurm says about jobs: one query for all of them, and a sentence for each state."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from ..errors import PilotQuantumError

_TIMEOUT_S = 60.0
_FIELDS = "%i|%T|%L|%N|%r"
_ASK_DAYS = 30


class SlurmError(PilotQuantumError):
    """A command of Slurm failed; the message is what it said."""


class Phase(StrEnum):
    """What a state means for whoever waits for a job."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"
    """Ended as agreed."""
    LOST = "lost"
    """Ended otherwise."""


class JobStatus(NamedTuple):
    """What Slurm says about a job.

    Attributes
    ----------
    job
        Job id; of an element of an array ``ARRAY_INDEX``.
    state
        Slurm's name of the state; ``VANISHED`` if Slurm does not know the job any more.
    reason
        Why it waits, or how it ended; empty if there is nothing to say.
    left_s
        Seconds until its time limit; None if there is none, or it does not run.
    nodes
        Its nodes, as Slurm writes them.
    """

    job: str
    state: str
    reason: str = ""
    left_s: float | None = None
    nodes: str = ""

    @property
    def phase(self) -> Phase:
        """What the state means."""
        return _MEANINGS.get(self.state, _UNKNOWN)[0]

    @property
    def over(self) -> bool:
        """Whether the job holds no resources, and will not get any."""
        return self.phase in (Phase.ENDED, Phase.LOST)

    @property
    def hopeless(self) -> bool:
        """Whether the job waits for something that will not happen by itself."""
        return self.phase is Phase.WAITING and self.reason in _NEVER

    @property
    def remarkable(self) -> bool:
        """Whether the job waits for something else than its turn."""
        return self.phase is Phase.WAITING and bool(self.reason) and self.reason not in _ORDINARY

    def sentence(self) -> str:
        """Return the state as a sentence for a person, without its full stop."""
        text = _MEANINGS.get(self.state, _UNKNOWN)[1]
        reason = f" ({_explained(self.reason)})" if self.reason else ""
        on = f" on {self.nodes}" if self.nodes and self.phase is Phase.RUNNING else ""
        return f"job {self.job} {text}{on}{reason}"


VANISHED = "VANISHED"
_UNKNOWN = (Phase.RUNNING, "is in a state that this version does not know")
_MEANINGS: Mapping[str, tuple[Phase, str]] = {
    "PENDING": (Phase.WAITING, "waits in the queue"),
    "REQUEUED": (Phase.WAITING, "was put back into the queue"),
    "REQUEUE_FED": (Phase.WAITING, "was put back into the queue"),
    "REQUEUE_HOLD": (Phase.WAITING, "was put back into the queue and is held: scontrol release lets it go on"),
    "SPECIAL_EXIT": (Phase.WAITING, "was put back into the queue after a special exit code and is held"),
    "RESV_DEL_HOLD": (Phase.WAITING, "is held because its reservation was deleted"),
    "SUSPENDED": (Phase.WAITING, "is suspended"),
    "STOPPED": (Phase.WAITING, "is stopped"),
    "CONFIGURING": (Phase.WAITING, "has its nodes, which are being made ready"),
    "RUNNING": (Phase.RUNNING, "runs"),
    "RESIZING": (Phase.RUNNING, "runs and is changing its size"),
    "SIGNALING": (Phase.RUNNING, "runs and is being told to end"),
    "STAGE_OUT": (Phase.RUNNING, "is writing files back"),
    "COMPLETING": (Phase.RUNNING, "is ending"),
    "COMPLETED": (Phase.ENDED, "has ended"),
    "TIMEOUT": (Phase.ENDED, "reached its time limit"),
    "DEADLINE": (Phase.LOST, "was ended at its deadline"),
    "FAILED": (Phase.LOST, "failed"),
    "BOOT_FAIL": (Phase.LOST, "was lost because a node did not boot"),
    "LAUNCH_FAILED": (Phase.LOST, "could not be started on its nodes"),
    "OUT_OF_MEMORY": (Phase.LOST, "was ended because it used more memory than it had asked for"),
    "NODE_FAIL": (Phase.LOST, "was lost with one of its nodes"),
    "PREEMPTED": (Phase.LOST, "was preempted by a job of higher priority"),
    "REVOKED": (Phase.LOST, "was revoked"),
    "CANCELLED": (Phase.LOST, "was cancelled"),
    VANISHED: (
        Phase.LOST,
        "is not known to Slurm any more, nor to its accounting: its log and records show how far it came",
    ),
}
_REASONS: Mapping[str, str] = {
    "Priority": "other jobs have a higher priority",
    "Resources": "waiting for resources to become free",
    "Dependency": "waiting for another job",
    "BeginTime": "its begin time is not reached yet; after a requeue Slurm waits about two minutes",
    "JobHeldUser": "held by its user",
    "JobHeldAdmin": "held by an administrator",
    "PartitionDown": "the partition is down",
    "PartitionInactive": "the partition is inactive",
    "PartitionNodeLimit": "it asks for more nodes than the partition has or allows",
    "PartitionTimeLimit": "it asks for more time than the partition allows",
    "ReqNodeNotAvail": "a node it needs is down or reserved",
    "NodeDown": "a node it needs is down",
    "PartitionConfig": "no node, or too few, of the partition can give what it asks for",
    "BadConstraints": "no node has what it asks for",
    "Licenses": "waiting for a licence",
    "ReservationDeleted": "its reservation was deleted",
    "TimeLimit": "its time limit",
    "NonZeroExitCode": "its script ended with an error",
    "OutOfMemory": "out of memory",
}


_NEVER: Final = ("PartitionConfig", "PartitionNodeLimit", "PartitionTimeLimit", "BadConstraints", "AccountNotAllowed")
"""Reasons to wait that last until somebody changes the job or the cluster."""
_ORDINARY: Final = ("Priority", "Resources", "BeginTime")


def _explained(reason: str) -> str:
    name = reason.partition(",")[0]
    known = _REASONS.get(name)
    limit = "a limit of the account, the user or the quality of service"
    known = known or (limit if name.startswith(("Assoc", "QOS", "MaxJobs", "MaxCpu")) else None)
    return f"{reason}: {known}" if known else reason


# ---------------------------------------------------------------- reading what Slurm prints


def parse_squeue(text: str) -> dict[str, JobStatus]:
    """Return the jobs in an answer of squeue (format `_FIELDS`), by job id."""
    found = {}
    for line in filter(str.strip, text.splitlines()):
        job, state, left, nodes, reason = line.split("|", 4)
        runs = state in ("RUNNING", "COMPLETING", "SIGNALING", "RESIZING")
        reason = "" if reason in ("None", "") else reason
        found[job] = JobStatus(job, state, reason, parse_time(left) if runs else None, nodes)
    return found


def parse_sacct(text: str) -> dict[str, JobStatus]:
    """Return the jobs in an answer of ``sacct -X -n -P -o JobID,State,NodeList,Reason``, by job id."""
    found = {}
    for line in filter(str.strip, text.splitlines()):
        job, state, nodes, reason = line.split("|", 3)
        word, _, by = state.partition(" ")  # "CANCELLED by 1000"
        found[job] = JobStatus(job, word, by or ("" if reason in ("None", "") else reason), None, nodes)
    return found


def parse_time(text: str) -> float | None:
    """Return seconds of ``[DD-]HH:MM:SS``, ``MM:SS`` or ``SS``; None for words such as UNLIMITED and INVALID."""
    days, _, clock = text.rpartition("-")
    parts = clock.split(":")
    if not all(part.isdigit() for part in parts) or (days and not days.isdigit()):
        return None
    seconds = 0
    for part in parts:
        seconds = 60 * seconds + int(part)
    return float(seconds + 86400 * int(days or 0))


# ---------------------------------------------------------------- asking


def run_slurm(command: Sequence[str], *, stdin: str = "") -> str:
    """Run a command of Slurm and return what it printed.

    Raises
    ------
    SlurmError
        With what it said, in one line.
    """
    try:
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
            env=submission_environment(os.environ),
        )
    except FileNotFoundError as error:
        raise SlurmError(f"{command[0]} is not on the search path: is this a login node of a Slurm cluster?") from error
    except subprocess.TimeoutExpired as error:
        raise SlurmError(f"{command[0]} did not answer within {_TIMEOUT_S:g} s") from error
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())
        raise SlurmError(f"{command[0]} failed with code {done.returncode}: {said or 'it said nothing'}")
    return done.stdout


def submission_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for commands of Slurm, without what would change them.

    Variables such as ``SBATCH_PARTITION`` override what a script says; ``SLURM_*`` of a job we may run in would be
    taken over by the new one.
    """
    kept = ("SLURM_CONF", "SLURM_CLUSTERS")
    return {
        name: value
        for name, value in environment.items()
        if name in kept or not name.startswith(("SLURM_", "SBATCH_", "SLURMD_", "SLURM", "PMI_", "PMIX_"))
    }


def ask(jobs: Iterable[str]) -> dict[str, JobStatus]:
    """Return the status of jobs; those that the queue has forgotten are looked up in the accounting, if there is one.

    One call of squeue for all jobs, and one of sacct if some are missing there.

    Raises
    ------
    SlurmError
        If Slurm does not answer: nothing is known about any job then.
    """
    wanted = list(dict.fromkeys(jobs))
    if not wanted:
        return {}
    found = _squeue(wanted)
    missing = [job for job in wanted if job not in found and not _has_elements(job, found)]
    remembered = _sacct(missing) if missing else {}
    gone = [job for job in missing if job not in remembered and not _has_elements(job, remembered)]
    lost = {job: JobStatus(job, VANISHED) for job in gone}
    return {**found, **remembered, **lost}


def find(names: Iterable[str]) -> dict[str, str]:
    """Return the ids of this user's jobs with these names, the newest of each; one call of squeue.

    Raises
    ------
    SlurmError
        If Slurm does not answer.
    """
    command = ["squeue", "--noheader", "--me", "--states=all", f"--name={','.join(names)}", "--format=%F|%j"]
    pairs = [line.partition("|") for line in filter(str.strip, run_slurm(command).splitlines())]
    return {name: job for job, _, name in sorted(pairs, key=lambda pair: int(pair[0]))}


def _has_elements(job: str, found: Iterable[str]) -> bool:
    return any(name.startswith(f"{job}_") for name in found)


def _squeue(jobs: Sequence[str]) -> dict[str, JobStatus]:
    command = ["squeue", "--noheader", "--array", "--states=all", f"--jobs={','.join(jobs)}", f"--format={_FIELDS}"]
    try:
        return parse_squeue(run_slurm(command))
    except SlurmError as error:
        if "Invalid job id" in str(error):  # said if none of them is known
            return {}
        raise


def _sacct(jobs: Sequence[str]) -> dict[str, JobStatus]:
    """Ask the accounting; without one, or if it does not answer, it knows no job."""
    command = ["sacct", "-X", "-n", "-P", "-o", "JobID,State,NodeList,Reason", "-j", ",".join(jobs)]
    try:
        return parse_sacct(run_slurm([*command, "-S", f"now-{_ASK_DAYS}days"]))
    except SlurmError:
        return {}


def cancel(jobs: Iterable[str]) -> None:
    """Cancel jobs; those that have ended, or are not known, are left alone.

    Raises
    ------
    SlurmError
        If Slurm does not answer.
    """
    wanted = list(dict.fromkeys(jobs))
    if wanted:
        run_slurm(["scancel", "--quiet", *wanted])


def submit(script: str) -> str:
    """Hand a batch script to sbatch through its standard input, and return the job id.

    Raises
    ------
    SlurmError
        With the reason why sbatch refused it.
    """
    answer = run_slurm(["sbatch", "--parsable"], stdin=script)
    return answer.strip().splitlines()[-1].partition(";")[0]
