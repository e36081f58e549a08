"""Seconds that the runtime adds to tasks: ``t_batch + t_task · tasks + t_byte · bytes``.

One batch of tasks from the first submission to the last result, their own work apart; bytes are those of arguments and
results together, which is what moving data costs.
"""

from __future__ import annotations

from qdreamer.model import Features, Law


def _design(features: Features) -> tuple[float, ...]:
    return 1.0, features["tasks"], features["bytes"]


LAW = Law(
    name="dispatch",
    summary="t_batch + t_task·tasks + t_byte·bytes",
    features=("tasks", "bytes"),
    terms=("batch", "task", "byte"),
    design=_design,
)
