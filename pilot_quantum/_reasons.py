"""Why a task was bound where it was, as clauses for a person; they go into its trace. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._lanes import Lane
    from .pilot import Pilot, Worker
    from .task import Task


def without_choice(lane: Lane, candidates: Sequence[Pilot]) -> str:
    """Say why there was only one pilot to bind to, among the running ones that could ever run the lane's tasks."""
    if len(candidates) > 1:
        return "the only pilot with a free place"
    asks = lane.spec.pilots is not None and len(lane.spec.pilots) == 1
    return "the pilot it asks for" if asks else "the only running pilot that fits"


def circumstances(chosen: str, lane: Lane, workers: Sequence[Worker], *, overtakes: bool) -> str:
    """Add to the reason for a pilot what else led to this binding.

    Parameters
    ----------
    chosen
        Why this pilot.
    lane
        What is bound.
    workers
        To which workers, one or a gang's.
    overtakes
        Whether the pilot is kept for an older, wide task, which this one passes.
    """
    clauses = [chosen]
    if overtakes:
        clauses.append("backfill: should end before the older, wide task that the pilot is kept for can start")
    if lane.kept == workers[0].pilot.name:
        clauses.append("it was kept free for this wide task")
    if lane.spec.resources.ranks:
        clauses.append(f"gang: {len(workers)} workers were idle at once")
    if workers[0].inflight:
        clauses.append("sent early, behind work that ends soon")
    return "; ".join(clauses)


def with_history(reason: str, task: Task) -> str:
    """Add to the reason of a binding why the task is tried again, if it is."""
    if not task.earlier:
        return reason
    last = task.earlier[-1]
    what = "was lost" if last.state == "lost" else "failed"
    return f"{reason}; attempt {task.attempt}, alone, because attempt {last.attempt} {what}: {last.error}"
