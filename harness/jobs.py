"""What has become of submitted shards: computed from their files and one question to Slurm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pilot_quantum.launchers.slurm_jobs import JobStatus, Phase, SlurmError, ask, cancel, find

if TYPE_CHECKING:
    from .submission import PoolShards, Repeat, Submission


@dataclass(frozen=True, slots=True)
class ShardState:
    """One shard.

    Attributes
    ----------
    submission, pool, number
        Which it is.
    job
        Its job id; None if it was not submitted.
    status
        What Slurm says; None if it was not asked or does not answer.
    code
        Exit code of a shard that has ended by itself; None of one that has not.
    """

    submission: Submission
    pool: PoolShards
    number: int
    job: str | None
    status: JobStatus | None
    code: int | None

    @property
    def repeats(self) -> tuple[Repeat, ...]:
        """The repeats it is to run."""
        return self.pool.shards[self.number]

    @property
    def living(self) -> bool:
        """Whether it may still record something: it waits, runs, or Slurm does not answer."""
        if self.job is None:
            return False
        if self.status is None:
            return self.code is None
        return not self.status.over

    def sentence(self) -> str:
        """Say what has become of it."""
        if self.job is None:
            return "was not submitted"
        if self.status is not None and self.code is not None and self.status.phase is Phase.LOST:
            return f"job {self.job} has ended with code {self.code}"
        if self.status is not None:
            return self.status.sentence()
        if self.code is not None:
            return f"job {self.job} has ended with code {self.code}"
        return f"job {self.job}: Slurm does not answer"

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "submission": self.submission.directory.name,
            "pool": self.pool.pool,
            "shard": self.number,
            "job": self.job,
            "state": None if self.status is None else self.status.state,
            "reason": None if self.status is None else self.status.reason,
            "living": self.living,
            "exit_code": self.code,
            "sentence": self.sentence(),
            "repeats": len(self.repeats),
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """The shards, how often Slurm was asked, and what went wrong with that; empty if nothing did."""

    shards: list[ShardState]
    queries: int
    trouble: str = ""


def look(submissions: Sequence[Submission]) -> Answer:
    """Return what has become of all shards. Those that have ended by themselves are not asked about."""
    submissions, queries, trouble = _identified(submissions)
    ends = {
        (submission.directory, pool.slug, number): submission.ended(pool, number)
        for submission in submissions
        for pool, number in submission.shards()
    }
    open_jobs = {
        submission.jobs[pool.slug]
        for submission in submissions
        for pool, number in submission.shards()
        if pool.slug in submission.jobs and ends[submission.directory, pool.slug, number] is None
    }
    open_jobs.discard("")
    found, silence = _asked(sorted(open_jobs))
    shards = []
    for submission in submissions:
        for pool, number in submission.shards():
            code = ends[submission.directory, pool.slug, number]
            job = submission.job_of(pool, number)
            status = _status(job, code, found) if job else None
            shards.append(ShardState(submission, pool, number, job, status, code))
    return Answer(shards, queries + bool(open_jobs), trouble or silence)


def _identified(submissions: Sequence[Submission]) -> tuple[Sequence[Submission], int, str]:
    """Return the submissions with the ids of jobs that ``submit`` could not note, because it was killed just then."""
    unknown = [one.name_of(slug) for one in submissions for slug, job in one.jobs.items() if not job]
    if not unknown:
        return submissions, 0, ""
    try:
        ids = find(unknown)
    except SlurmError as error:
        return submissions, 1, str(error)
    told = [{slug: job or ids.get(one.name_of(slug)) for slug, job in one.jobs.items()} for one in submissions]
    kept = [{slug: job for slug, job in jobs.items() if job is not None} for jobs in told]
    return [replace(one, jobs=jobs) for one, jobs in zip(submissions, kept, strict=True)], 1, ""


def _asked(jobs: list[str]) -> tuple[dict[str, JobStatus], str]:
    if not jobs:
        return {}, ""
    try:
        return ask(jobs), ""
    except SlurmError as error:
        return {}, str(error)


def _status(job: str, code: int | None, found: dict[str, JobStatus]) -> JobStatus | None:
    if code is not None:
        return JobStatus(job, "COMPLETED" if code == 0 else "FAILED", "" if code == 0 else f"exit code {code}")
    array = job.partition("_")[0]
    gone = found.get(array)
    if job not in found and gone is not None:
        return gone._replace(job=job)
    if job not in found and any(name.startswith(f"{array}_") for name in found):
        return JobStatus(job, "VANISHED")
    return found.get(job)


def owned(shards: Iterable[ShardState]) -> set[Repeat]:
    """Return the repeats that living shards will run."""
    return {repeat for shard in shards if shard.living for repeat in shard.repeats}


def cancel_all(shards: Iterable[ShardState]) -> list[str]:
    """Cancel all living shards and return their job ids.

    Raises
    ------
    SlurmError
        If Slurm does not answer.
    """
    jobs = [shard.job for shard in shards if shard.living and shard.job]
    cancel(jobs)
    return jobs


def counted(shards: Iterable[ShardState]) -> str:
    """Return how many shards are in which state, as ``3 RUNNING, 1 PENDING``."""
    states = Counter("UNKNOWN" if shard.status is None else shard.status.state for shard in shards)
    return ", ".join(f"{count} {state}" for state, count in states.items())
