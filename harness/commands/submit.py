"""``qhpc submit`` and ``qhpc resume``: hand what is missing of a campaign to a batch system, and go away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from . import plan as planning
from ._common import (
    DEFAULT_RESULTS,
    Json,
    MachineName,
    MachineOptions,
    Only,
    Repeats,
    Results,
    Spec,
    emit,
    load_campaign,
    load_machine,
    naming,
    note,
    out,
)

if TYPE_CHECKING:
    from harness.machines import Machine
    from harness.plan import Plan
    from harness.spec import CampaignFile
    from harness.submission import JobOptions, Repeat, Submission

_TRIED: Final = ("failed", "timeout", "cancelled", "check_failed", "unsupported")

Jobs = Annotated[
    int, typer.Option("--jobs", min=1, help="Most jobs for each pool of pilots; more than one is an array.")
]
Walltime = Annotated[
    float | None,
    typer.Option("--walltime-s", min=1, help="Time limit of a job, instead of the pilots' or the machine's."),
]
Traces = Annotated[
    bool, typer.Option("--traces", help="Keep the trace of every task of the repeats that run then: qhpc trace.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the scripts; submit and write nothing.")]


def submit(
    spec: Spec,
    *,
    machine: Annotated[str, typer.Option("--machine", "-m", help="A machine: a name, or a TOML file.")],
    results: Results = DEFAULT_RESULTS,
    only: Only = None,
    repeats: Repeats = None,
    jobs: Jobs = 1,
    walltime_s: Walltime = None,
    traces: Traces = False,
    option: MachineOptions = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> int:
    """Submit what is missing of a campaign as batch jobs, each of which carries its own manager.

    Nothing has to stay behind: ``qhpc status``, ``resume``, ``cancel``, ``logs`` and ``collect`` work from the files of
    the results directory and what Slurm says. Repeats that a job of an earlier submission may still run are left out.
    """
    from harness.submission import JobOptions

    file = load_campaign(spec)
    where = load_machine(machine, option)
    if where is None:
        return 0
    directory = results / file.campaign.name
    plan = planning.make(file, directory, only=only, repeats=repeats, machine=where)
    with naming(file):
        planning.refuse_misfits(plan)
    how = JobOptions(walltime_s, traces=traces)
    return _hand_in(file, plan, directory, where, jobs=jobs, how=how, dry_run=dry_run, as_json=as_json)


def resume(
    target: Annotated[str, typer.Argument(metavar="DIR|SPEC", help="A results directory, or a campaign.")],
    *,
    results: Results = DEFAULT_RESULTS,
    failed: Annotated[bool, typer.Option("--failed", help="Only repeats that failed.")] = False,
    timeout: Annotated[bool, typer.Option("--timeout", help="Only repeats that ran out of time.")] = False,
    missing: Annotated[bool, typer.Option("--missing", help="Only repeats that were never tried.")] = False,
    machine: MachineName = None,
    option: MachineOptions = None,
    jobs: Jobs = 1,
    walltime_s: Walltime = None,
    traces: Traces = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> int:
    """Submit again what a submitted campaign still lacks, on the machine of the last submission.

    Without ``--failed``, ``--timeout`` or ``--missing`` everything that is not ok is run again.
    """
    from harness.errors import UserError
    from harness.submission import JobOptions, read_all

    directory = directory_of(target, results)
    earlier = read_all(directory)
    if not earlier:
        raise UserError(f"{directory}: nothing was submitted from there (qhpc submit)")
    where = load_machine(machine, option) or earlier[-1].machine
    file = load_campaign(str(earlier[-1].directory / "campaign.toml"))
    plan = planning.make(file, directory, only=None, repeats=None, machine=where)
    kinds = [name for name, wanted in (("failed", failed), ("timeout", timeout), ("missing", missing)) if wanted]
    plan = _only_those(plan, planning.recorded(directory), kinds) if kinds else plan
    how = JobOptions(walltime_s, traces=traces)
    return _hand_in(file, plan, directory, where, jobs=jobs, how=how, dry_run=dry_run, as_json=as_json)


def directory_of(target: str, results: Path) -> Path:
    """Return the results directory that is meant by a directory or a campaign.

    Raises
    ------
    harness.errors.UserError
        If there is none.
    """
    from harness.errors import UserError

    path = Path(target)
    if not path.is_dir():
        path = results / load_campaign(target).campaign.name
    if not path.is_dir():
        raise UserError(f"{path}: no such results directory")
    return path


def _only_those(plan: Plan, records: list[Any], kinds: list[str]) -> Plan:
    """Return the plan with only those missing repeats whose last record has one of these ends."""
    from dataclasses import replace

    from harness.store import settled

    last = {place: record.status for place, record in settled(r for r in records if r.kind == "measured").items()}

    def wanted(key: str, repeat: int) -> bool:
        status = last.get((key, repeat), "missing")
        return ("failed" if status in ("check_failed", "unsupported") else status) in kinds

    cases = [
        replace(planned, missing=tuple(r for r in planned.missing if wanted(planned.case.key, r)))
        for planned in plan.cases
    ]
    return replace(plan, cases=cases)


def _hand_in(
    file: CampaignFile,
    plan: Plan,
    directory: Path,
    machine: Machine,
    *,
    jobs: int,
    how: JobOptions,
    dry_run: bool,
    as_json: bool,
) -> int:
    from harness import submission as files

    taken, queries = _taken(directory)
    submission = files.new(directory, machine, files.cut(plan, taken, jobs))
    pools = {pool.label: pool for pool in plan.pools}
    scripts = {
        shards.slug: files.script(files.batch_job(submission, shards, pools[shards.pool], how))
        for shards in submission.pools
    }
    if dry_run:
        _show(scripts, as_json=as_json)
        return 0
    found = _submit(file, directory, submission, scripts) if scripts else {}
    _tell(submission, found, taken, queries=queries, as_json=as_json)
    return 0


def _taken(directory: Path) -> tuple[set[Repeat], int]:
    from harness.jobs import look, owned
    from harness.submission import read_all

    answer = look(read_all(directory))
    return owned(answer.shards), answer.queries


def _show(scripts: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        emit({"scripts": scripts})
    for slug, text in {} if as_json else scripts.items():
        out().print(f"# {slug}.sh\n{text}", markup=False, soft_wrap=True)


def _submit(file: CampaignFile, directory: Path, submission: Submission, scripts: dict[str, str]) -> dict[str, str]:
    """Write the submission, then hand its scripts to Slurm one by one; what was taken is remembered at once."""
    from harness import submission as files
    from harness.errors import UserError
    from harness.run import FROZEN, freeze
    from pilot_quantum.launchers.slurm_jobs import SlurmError
    from pilot_quantum.launchers.slurm_jobs import submit as sbatch

    directory.mkdir(parents=True, exist_ok=True)
    freeze(directory / FROZEN, file.text)
    files.write(submission, file.text, scripts)
    found: dict[str, str] = {}
    for slug, text in scripts.items():
        files.note_job(submission, slug, "")
        try:
            found[slug] = sbatch(text)
        except SlurmError as error:
            raise UserError(f"{len(found)} of {len(scripts)} job(s) were submitted; {slug}: {error}") from error
        files.note_job(submission, slug, found[slug])
    return found


def _tell(submission: Submission, found: dict[str, str], taken: set[Repeat], *, queries: int, as_json: bool) -> None:
    repeats = sum(len(shard) for pool in submission.pools for shard in pool.shards)
    shards = sum(len(pool.shards) for pool in submission.pools)
    if as_json:
        words = {"directory": str(submission.directory), "jobs": found, "shards": shards, "repeats": repeats}
        emit({**words, "left_to_living_jobs": len(taken), "queries": queries})
        return
    if taken:
        note(f"{len(taken)} repeat(s) are left to jobs that were submitted before")
    if not found:
        note("nothing to submit")
        return
    named = ", ".join(f"{slug}: job {job}" for slug, job in found.items())
    out().print(f"{repeats} repeats in {shards} shard(s); {named}", markup=False, soft_wrap=True)
    note(f"watch it: qhpc status {submission.directory.parent.parent}")
