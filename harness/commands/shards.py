"""What is done with submitted shards: run one (inside its job), cancel, collect, read their logs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import plan as planning
from ._common import DEFAULT_RESULTS, Json, Results, emit, load_campaign, note, out
from .status import show_states
from .submit import directory_of

if TYPE_CHECKING:
    from harness.plan import Plan
    from harness.submission import Submission

Target = Annotated[str, typer.Argument(metavar="DIR|SPEC", help="A results directory, or a campaign.")]


def shard(
    submission: Annotated[Path, typer.Argument(help="Directory of the submission.")],
    slug: Annotated[str, typer.Argument(help="Its pool.")],
    number: Annotated[int, typer.Argument(help="Number of the shard.")],
    *,
    traces: Annotated[bool, typer.Option("--traces", help="Keep the traces of its tasks.")] = False,
) -> int:
    """Run one shard of a submission; called by its job."""
    from harness.errors import Exit
    from harness.submission import note_end, read

    told = read(submission)
    code, interrupted = _run_shard(told, slug, number, traces=traces)
    if not interrupted:  # a job that is told to end may be started again
        note_end(submission, slug, number, code)
    return 0 if code == Exit.CASES_FAILED else code


def _run_shard(told: Submission, slug: str, number: int, *, traces: bool) -> tuple[int, bool]:
    from harness.inside import budget_s, place
    from harness.progress import Quiet
    from harness.run import Runner
    from harness.state import case_states, exit_code
    from harness.store import read_records, run_lock

    results = told.directory.parent.parent
    with run_lock(results, shared=True):
        plan = _plan_of(told, slug, number, results)
        note(f"shard {slug} {number}: {plan.repeats_missing} repeats to run")
        result = Runner(
            plan,
            results,
            observer=Quiet(),
            budget_s=budget_s(told.machine.grace_s),
            place=place(told.machine),
            traces=traces,
        ).run()
    states = case_states((planned.case for planned in plan.cases), read_records(results).records)
    if result.interrupted is not None:
        note(f"told to end ({result.interrupted.name}); what is finished is kept")
        return 128 + result.interrupted, True
    if result.budget_spent:
        note("the time of the job is used up; qhpc resume runs the rest")
    return int(exit_code(states)), False


def _plan_of(told: Submission, slug: str, number: int, results: Path) -> Plan:
    """Return the plan of a shard: its repeats, as far as they are not recorded ok yet."""
    from dataclasses import replace

    pool = next(pool for pool in told.pools if pool.slug == slug)
    mine = set(pool.shards[number])
    file = load_campaign(str(told.directory / "campaign.toml"))
    plan = planning.make(file, results, only=None, repeats=None, machine=told.machine)
    cases = [
        replace(planned, missing=missing)
        for planned in plan.cases
        if planned.case.pool.label == pool.pool
        and (missing := tuple(r for r in planned.missing if (planned.case.key, r) in mine))
    ]
    return replace(plan, cases=cases)


def cancel(target: Target, results: Results = DEFAULT_RESULTS, as_json: Json = False) -> int:
    """Cancel every job of a campaign that waits or runs; what is recorded stays."""
    from harness.jobs import cancel_all, look
    from harness.submission import read_all

    jobs = cancel_all(look(read_all(directory_of(target, results))).shards)
    if as_json:
        emit({"cancelled": jobs})
    else:
        out().print(
            f"cancelled {len(jobs)} job(s): {', '.join(jobs)}" if jobs else "no job waits or runs", markup=False
        )
    return 0


def collect(
    target: Target,
    results: Results = DEFAULT_RESULTS,
    source: Annotated[
        list[Path] | None, typer.Option("--from", metavar="DIR", help="Take records from a copy of the results, too.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Check the records of all shards, set torn lines aside, and say where the campaign stands.

    The exit code tells the state of the whole campaign, as that of ``qhpc run`` does.
    """
    from harness.cases import expand
    from harness.run import FROZEN
    from harness.state import case_states, counts, exit_code
    from harness.store import read_records, set_aside

    directory = directory_of(target, results)
    taken = [file for folder in source or [] for file in _take(folder, directory)]
    damaged = set_aside(directory)
    campaign = load_campaign(str(directory / FROZEN)).campaign
    states = case_states(expand(campaign).cases, read_records(directory).records)
    for line in damaged:
        note(f"set aside: {line.file}:{line.line_number}: {line.reason}")
    if as_json:
        emit({"counts": counts(states), "taken": [str(file) for file in taken], "damaged": len(damaged)})
    else:
        show_states(directory.name, states)
        note(f"{len(taken)} record file(s) taken over") if taken else None
    return int(exit_code(states))


def _take(folder: Path, directory: Path) -> list[Path]:
    """Copy record files that are not there yet; one of that name is a copy already, since no name is used twice."""
    from harness.store import RECORDS, record_files

    target = directory / RECORDS
    target.mkdir(parents=True, exist_ok=True)
    found = [file for file in record_files(folder) if not (target / file.name).exists()]
    for file in found:
        scratch = target / f".{file.name}.tmp"
        shutil.copyfile(file, scratch)
        scratch.replace(target / file.name)
    return found


def logs(
    target: Target,
    results: Results = DEFAULT_RESULTS,
    job: Annotated[str | None, typer.Option("--job", help="Only this job (123, or 123_4 of an array).")] = None,
    lines: Annotated[int, typer.Option("--lines", min=1, help="Lines from the end of each log.")] = 20,
) -> int:
    """Print the ends of the logs of submitted jobs: of one, or of all of the last submission."""
    from harness.submission import read_all

    submissions = read_all(directory_of(target, results))
    chosen = submissions if job is not None else submissions[-1:]
    shown = 0
    for submission in chosen:
        for pool, number in submission.shards():
            if job in (None, submission.job_of(pool, number)):
                for file in submission.logs(pool, number):
                    shown += 1
                    text = file.read_text("utf-8", errors="replace").splitlines()[-lines:]
                    out().print("\n".join([f"== {file}", *text]), markup=False, soft_wrap=True)
    if not shown:
        note("there is no log yet")
    return 0
