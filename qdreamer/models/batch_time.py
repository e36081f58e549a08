"""Time of a batch of similar circuits, split into tasks, on the workers of one pool.

::

    seconds = t_batch + t_round · rounds + t_circuit · C + t_gate · G + t_amplitude · A / cpus + t_shot · S

with ``slots = workers // cpus_per_task`` tasks at a time and ``rounds = ⌈tasks / slots⌉`` tasks one after the other.
C, G, A and S are what the busiest slot does: its circuits, their gates, the amplitudes that these gates pass over
(gates × 2ⁿ) and their shots. Circuits are taken as equal and as divided evenly over the slots; a task on several cores
divides A among them.

Two features are optional: ``circuits`` (each task is one circuit without it) and ``gate_amplitudes`` (gates × state of
16 bytes an amplitude without it).
"""

from __future__ import annotations

from math import ceil

from qdreamer.model import Features, Law


def _design(features: Features) -> tuple[float, ...]:
    tasks, cpus = max(1, int(features["tasks"])), max(1, int(features["cpus_per_task"]))
    circuits = max(tasks, int(features.get("circuits", 0)))
    slots = max(1, int(features["workers"]) // cpus)
    busiest = ceil(circuits / slots)
    share = busiest / circuits
    gates = features["gates"]
    amplitudes = features.get("gate_amplitudes", gates * features["memory_per_task"] / 16)
    work = (gates * share, amplitudes * share / cpus, features["shots"] * share)
    return 1.0, float(ceil(tasks / slots)), float(busiest), *work


LAW = Law(
    name="batch_time",
    summary="t_batch + t_round·rounds + t_circuit·C + t_gate·G + t_amplitude·A/cpus + t_shot·S, on the busiest slot",
    features=("tasks", "workers", "cpus_per_task", "memory_per_task", "gates", "shots"),
    terms=("batch", "round", "circuit", "gate", "gate-amplitude", "shot"),
    design=_design,
)
