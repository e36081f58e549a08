"""``qhpc run``: run what is missing of a campaign, and say where it stands."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    err,
    load_campaign,
    load_machine,
    naming,
    note,
    out,
    stdout_for_json,
)
from .status import show_states

if TYPE_CHECKING:
    from harness.machines import Machine
    from harness.plan import Plan
    from harness.run import RunResult
    from harness.spec import CampaignFile
    from harness.state import CaseState
    from harness.store import DamagedLine


def run(
    spec: Spec,
    *,
    results: Results = DEFAULT_RESULTS,
    only: Only = None,
    repeats: Repeats = None,
    budget_s: Annotated[
        float | None, typer.Option("--budget-s", min=0, help="Start no repeat after this many seconds.")
    ] = None,
    skip_unfit: Annotated[
        bool, typer.Option("--skip-unfit", help="Record cases that cannot fit as unsupported, and run the others.")
    ] = False,
    traces: Annotated[
        bool, typer.Option("--traces", help="Keep the trace of every task of the repeats that run now: qhpc trace.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan; start and write nothing.")] = False,
    machine: MachineName = None,
    option: MachineOptions = None,
    as_json: Json = False,
) -> int:
    """Run what is missing of a campaign.

    Repeats that are recorded ok are not run again; those that failed are. So the same command resumes a run that was
    interrupted or killed, and tries again what went wrong. The exit code tells the state of the whole campaign.
    """
    file = load_campaign(spec)
    where = load_machine(machine, option)
    directory = results / file.campaign.name
    with stdout_for_json(as_json):
        plan = planning.make(file, directory, only=only, repeats=repeats, machine=where)
        if not skip_unfit:
            with naming(file):
                planning.refuse_misfits(plan)
    if dry_run:
        planning.tell(plan, as_json=as_json)
        show_scripts(plan, where, quiet=as_json)
        return 0
    with stdout_for_json(as_json):
        result, damaged = _run(file, plan, directory, quiet=as_json, budget_s=budget_s, machine=where, traces=traces)
    return _tell(plan, directory, result, damaged=damaged, as_json=as_json)


def _run(
    file: CampaignFile,
    plan: Plan,
    directory: Path,
    *,
    quiet: bool,
    budget_s: float | None,
    machine: Machine | None,
    traces: bool,
) -> tuple[RunResult, list[DamagedLine]]:
    from harness.progress import Bar, Quiet
    from harness.run import Runner, held_results

    make = partial(
        Runner,
        plan,
        directory,
        budget_s=budget_s,
        place=None if machine is None else machine.place,
        traces=traces,
    )
    with held_results(directory, file) as damaged:
        for line in damaged:
            note(f"set aside: {line.file}:{line.line_number}: {line.reason}; kept in {line.file.name}.damaged")
        if quiet:
            return make(observer=Quiet()).run(), damaged
        with Bar(plan, err()) as bar:
            return make(observer=bar).run(), damaged


def show_scripts(plan: Plan, machine: Machine | None, *, quiet: bool) -> None:
    """Print the batch scripts of the pilots that would be jobs."""
    from pilot_quantum.launchers.slurm import SlurmLauncher

    for pool in [] if quiet else plan.pools:
        for pilot in pool.pilots:
            placed = pilot if machine is None else machine.place(pilot)
            if placed.launcher == "slurm":
                out().print(f"# pilot {pilot.name}", markup=False)
                out().print(SlurmLauncher(placed).script(), markup=False, soft_wrap=True)


def _tell(plan: Plan, directory: Path, result: RunResult, *, damaged: list[DamagedLine], as_json: bool) -> int:
    from harness.errors import Exit
    from harness.state import case_states, exit_code
    from harness.store import read_records
    from pilot_quantum.launchers.slurm_watch import watcher

    states = case_states((planned.case for planned in plan.cases), read_records(directory).records)
    code = int(exit_code(states)) if result.interrupted is None else 128 + result.interrupted
    if as_json:
        emit(_as_dict(plan, directory, result, states) | {"damaged": _damage(damaged), "exit_code": code})
    else:
        show_states(plan.campaign, states)
        out().print(f"records: {directory / 'records'}", markup=False, soft_wrap=True)
        _last_words(directory, result, incomplete=code != Exit.OK)
        if watcher.queries:
            note(f"Slurm was asked {watcher.queries} time(s)")
    return code


def _as_dict(plan: Plan, directory: Path, result: RunResult, states: list[CaseState]) -> dict[str, Any]:
    from harness.state import counts
    from pilot_quantum.launchers.slurm_watch import watcher

    return {
        "campaign": plan.campaign,
        "directory": str(directory),
        "records": None if result.file is None else str(result.file),
        "recorded": len(result.records),
        "interrupted": None if result.interrupted is None else result.interrupted.name,
        "budget_spent": result.budget_spent,
        "scheduler_queries": watcher.queries,
        "counts": counts(states),
        "cases": [state.as_dict() for state in states],
        "remarks": plan.remarks,
    }


def _damage(damaged: list[DamagedLine]) -> list[dict[str, Any]]:
    return [{"file": str(line.file), "line": line.line_number, "reason": line.reason} for line in damaged]


def _last_words(directory: Path, result: RunResult, *, incomplete: bool) -> None:
    if result.interrupted is not None:
        note(f"interrupted ({result.interrupted.name}); what is finished is kept: the same command goes on from here")
    elif result.budget_spent:
        note("the time budget is spent; the same command goes on from here")
    elif incomplete:
        note("some repeats are not ok; the same command runs them again")
    else:
        note(f"draw it: qhpc report {directory}")
