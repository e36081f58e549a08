"""Submissions: a plan cut into shards, each a job that carries its own manager. Files are all there is to it.

::

    RESULTS/<campaign>/submissions/<time>-<id>/
        campaign.toml            the campaign as it was submitted
        submission.json          machine, pools, and for each shard its repeats; written before anything is submitted
        <pool>.sh                the batch script of each pool
        jobs.jsonl               a line before each job is handed in, one after it was taken: written by `submit` alone
        ended/<pool>-<n>.json    written by shard n of the pool, when it ends by itself
        logs/                    what the jobs print

A shard writes its records as every run does, into a file of its own below ``records/``. Nothing runs between the login
node and the jobs, so nothing is lost with a terminal.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pilot_quantum.launchers.places import DIRECTORY, python_path
from pilot_quantum.launchers.slurm import INSIDE
from pilot_quantum.launchers.slurm_script import ELEMENT, BatchJob, render

from .errors import CampaignError
from .machines import Machine

if TYPE_CHECKING:
    from .cases import Pool
    from .plan import Plan, PlannedCase

FOLDER: Final = "submissions"

Repeat = tuple[str, int]
"""Key of a case and number of a repeat."""


@dataclass(frozen=True, slots=True)
class PoolShards:
    """The shards of one pool, which are submitted together.

    Attributes
    ----------
    pool
        Label of the pool.
    slug
        The label as it stands in names of files.
    shards
        The repeats of each shard.
    """

    pool: str
    slug: str
    shards: tuple[tuple[Repeat, ...], ...]


@dataclass(frozen=True, slots=True)
class JobOptions:
    """How the jobs of a submission run.

    Attributes
    ----------
    walltime_s
        Time limit of each, instead of the pilots' or the machine's.
    traces
        Whether they keep the traces of their tasks.
    """

    walltime_s: float | None = None
    traces: bool = False


AS_THE_MACHINE_SAYS: Final = JobOptions()


@dataclass(frozen=True, slots=True)
class Submission:
    """What ``submission.json`` says, and where it lies.

    Attributes
    ----------
    directory
        Its directory.
    machine
        Where it was submitted to, as its file said then.
    pools
        What was cut.
    jobs
        Job id of each pool that Slurm has taken, by slug; empty if `submit` ended before it could note the id.
    """

    directory: Path
    machine: Machine
    pools: tuple[PoolShards, ...]
    jobs: Mapping[str, str]

    def shards(self) -> Iterator[tuple[PoolShards, int]]:
        """Yield every shard as its pool and its number there."""
        for pool in self.pools:
            yield from ((pool, number) for number in range(len(pool.shards)))

    def job_of(self, pool: PoolShards, number: int) -> str | None:
        """Return the job id of a shard; None if it was not submitted."""
        job = self.jobs.get(pool.slug)
        return job if not job or len(pool.shards) == 1 else f"{job}_{number}"

    def name_of(self, slug: str) -> str:
        """Return the name of the job of a pool, which no other submission has."""
        return f"qhpc-{self.directory.parent.parent.name}-{slug}-{self.directory.name[-4:]}"[-100:]

    def ended(self, pool: PoolShards, number: int) -> int | None:
        """Return the exit code with which a shard has ended by itself; None if it has not."""
        try:
            return int(json.loads(_ended_file(self.directory, pool.slug, number).read_text("utf-8"))["code"])
        except (OSError, ValueError, KeyError):
            return None

    def logs(self, pool: PoolShards, number: int) -> list[Path]:
        """Return the log files of a shard; more than one if it was submitted again."""
        suffix = "" if len(pool.shards) == 1 else f"_{number}"
        return sorted((self.directory / "logs").glob(f"{pool.slug}-*{suffix}.log"))


# ---------------------------------------------------------------- cutting


def cut(plan: Plan, taken: set[Repeat], jobs: int) -> tuple[PoolShards, ...]:
    """Cut what is missing of a plan into shards: at most ``jobs`` for each pool, cases dealt out in turn.

    Parameters
    ----------
    plan
        The plan.
    taken
        Repeats that a living job will run already; they are left out.
    jobs
        Most shards of a pool.
    """
    found: list[PoolShards] = []
    slugs: set[str] = set()
    for pool in plan.pools:
        cases = [case for case in plan.cases if case.case.pool.label == pool.label and case.misfit is None]
        todo = [repeats for case in cases if (repeats := _repeats(case, taken))]
        if not todo:
            continue
        hands = [todo[number::jobs] for number in range(min(jobs, len(todo)))]
        shards = tuple(tuple(repeat for repeats in hand for repeat in repeats) for hand in hands)
        found.append(PoolShards(pool.label, _slug(pool.label, slugs), shards))
    return tuple(found)


def _repeats(planned: PlannedCase, taken: set[Repeat]) -> list[Repeat]:
    key = planned.case.key
    return [(key, repeat) for repeat in planned.missing if (key, repeat) not in taken]


def _slug(label: str, slugs: set[str]) -> str:
    stem = re.sub(r"[^A-Za-z0-9._-]+", "_", label)[:40].strip("._-") or "pool"
    slug = next(name for name in (stem, *(f"{stem}-{n}" for n in range(2, 10_000))) if name not in slugs)
    slugs.add(slug)
    return slug


# ---------------------------------------------------------------- scripts


def batch_job(
    submission: Submission, shards: PoolShards, pool: Pool, how: JobOptions = AS_THE_MACHINE_SAYS
) -> BatchJob:
    """Return the job, or the array of jobs, that runs the shards of a pool.

    Raises
    ------
    CampaignError
        If the pool does not fit the machine.
    """
    machine = submission.machine
    pilots = [machine.sized(pilot) for pilot in pool.pilots]
    limits = [pilot.walltime_s for pilot in pilots if pilot.walltime_s is not None]
    count = len(shards.shards)
    here = submission.directory.resolve()
    memories = [pilot.memory_per_node for pilot in pilots]
    command = [machine.python or sys.executable, "-m", "harness", "shard", *(["--traces"] if how.traces else [])]
    command += [str(here), shards.slug]
    return BatchJob(
        name=submission.name_of(shards.slug),
        nodes=sum(pilot.nodes for pilot in pilots),
        cores_per_node=max(pilot.cores_per_node or 1 for pilot in pilots),
        gpus_per_node=max(pilot.gpus_per_node or 0 for pilot in pilots),
        memory_per_node=None if None in memories else max(memory or 0 for memory in memories),
        walltime_s=how.walltime_s or (max(limits) if limits else machine.walltime_s),
        log=f"{here / 'logs' / shards.slug}-{{job}}.log",
        command=[*command, ELEMENT if count > 1 else "0"],
        environment=_environment(here, machine),
        site=machine.site(),
        grace_s=machine.grace_s,
        requeue=True,
        elements=count if count > 1 else 0,
        at_once=machine.jobs_at_once,
    )


def _environment(here: Path, machine: Machine) -> dict[str, str]:
    return {
        **python_path(),
        DIRECTORY: machine.directory or str(here / "pilots"),
        "QHPC_MACHINE": machine.name,
    }


def script(job: BatchJob) -> str:
    """Return the batch script; the job's own id is put into the environment where it is known, in the job."""
    head, _, tail = render(job).rpartition("\nexec ")
    return f'{head}\nexport {INSIDE}="$SLURM_JOB_ID"\nexec {tail}'


# ---------------------------------------------------------------- files


def new(results: Path, machine: Machine, pools: tuple[PoolShards, ...]) -> Submission:
    """Return a submission with a directory of its own, which is not made yet."""
    name = f"{datetime.now(UTC).strftime('%Y%m%dT%H%M%SZ')}-{secrets.token_hex(2)}"
    return Submission(results / FOLDER / name, machine, pools, {})


def write(submission: Submission, campaign: str, scripts: Mapping[str, str]) -> None:
    """Write everything a submission says, before any of it is submitted."""
    here = submission.directory
    for folder in ("logs", "ended"):
        (here / folder).mkdir(parents=True)
    (here / "campaign.toml").write_text(campaign, "utf-8")
    for slug, text in scripts.items():
        (here / f"{slug}.sh").write_text(text, "utf-8")
    words = {"machine": submission.machine.model_dump(), "pools": [asdict(pool) for pool in submission.pools]}
    scratch = here / ".submission.json.tmp"
    scratch.write_text(json.dumps(words), "utf-8")
    scratch.replace(here / "submission.json")


def note_job(submission: Submission, slug: str, job: str) -> None:
    """Remember a job that Slurm has taken; with an empty id, one that is about to be handed in."""
    line = json.dumps({"slug": slug, "job": job, "at": datetime.now(UTC).isoformat(timespec="seconds")}) + "\n"
    handle = os.open(submission.directory / "jobs.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, line.encode())
        os.fsync(handle)
    finally:
        os.close(handle)


def note_end(directory: Path, slug: str, number: int, code: int) -> None:
    """Remember that a shard has ended by itself; its own process calls this."""
    path = _ended_file(directory, slug, number)
    scratch = path.with_name(f".{path.name}.tmp")
    scratch.write_text(json.dumps({"code": code, "job": os.environ.get("SLURM_JOB_ID", "")}), "utf-8")
    scratch.replace(path)


def _ended_file(directory: Path, slug: str, number: int) -> Path:
    return directory / "ended" / f"{slug}-{number}.json"


def read_all(results: Path) -> list[Submission]:
    """Return the submissions of a campaign's results directory, the oldest first."""
    folder = results / FOLDER
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [read(path) for path in found if (path / "submission.json").is_file()]


def read(directory: Path) -> Submission:
    """Return one submission.

    Raises
    ------
    CampaignError
        If the directory holds none.
    """
    try:
        words = json.loads((directory / "submission.json").read_text("utf-8"))
        pools = tuple(
            PoolShards(pool["pool"], pool["slug"], tuple(tuple((k, n) for k, n in shard) for shard in pool["shards"]))
            for pool in words["pools"]
        )
        return Submission(directory, Machine.model_validate(words["machine"]), pools, dict(_jobs(directory)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CampaignError(f"{directory}: no submission: {error}") from error


def _jobs(directory: Path) -> Iterable[tuple[str, str]]:
    try:
        text = (directory / "jobs.jsonl").read_text("utf-8")
    except FileNotFoundError:
        return
    for line in text.splitlines(keepends=True):
        if line.endswith("\n"):  # the newline is the commit mark
            words: dict[str, Any] = json.loads(line)
            yield words["slug"], words["job"]
