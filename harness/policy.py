"""A policy of the manager that is driven by a model: each task goes where it is predicted to end first.

The manager knows no model, so the predictions come in as numbers: seconds of one task on each pilot, what it holds, and
how wrong its answers may be. What workers are observed to do replaces the prediction as soon as there is something.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING

from pilot_quantum import Choice, PilotLoad, Resources

if TYPE_CHECKING:
    from qdreamer import CostModel
    from qdreamer import Resources as Machine
    from qdreamer.demand import Job


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is predicted of one task on one pilot.

    Attributes
    ----------
    seconds
        Duration of one task.
    memory
        Bytes that a worker can give to it; None means enough.
    error
        Largest error of its answer there: noise of a device, 0 on a simulator.
    """

    seconds: float
    memory: float | None = None
    error: float = 0.0


@dataclass(frozen=True, slots=True)
class ModelPolicy:
    """Takes the pilot with the earliest predicted completion among those that fit and are faithful enough.

    Attributes
    ----------
    forecasts
        By pilot; one without a forecast is judged by what is observed of it, and comes last before that.
    largest_error
        Pilots whose answers may be more wrong are taken only if there is no other; None means that all will do.
    """

    forecasts: Mapping[str, Forecast] = field(default_factory=dict)
    largest_error: float | None = None

    def choose(self, resources: Resources, pilots: Sequence[PilotLoad], decision: int) -> Choice:  # noqa: ARG002 - the protocol's
        """Choose by predicted completion."""
        fitting = [pilot for pilot in pilots if self._fits(pilot.name, resources)] or list(pilots)
        faithful = [pilot for pilot in fitting if self._faithful(pilot.name)] or fitting
        best = min(faithful, key=self._completion_s)
        end = self._completion_s(best)
        what = f"predicted to end in {end:.3g} s" if isfinite(end) else "nothing is predicted of it"
        left = len(pilots) - len(faithful)
        return Choice(best.name, f"{what}{f' ({left} unfit or unfaithful)' if left else ''}")

    def _fits(self, name: str, resources: Resources) -> bool:
        known = self.forecasts.get(name)
        return known is None or known.memory is None or (resources.memory or 0) <= known.memory

    def _faithful(self, name: str) -> bool:
        known = self.forecasts.get(name)
        return self.largest_error is None or known is None or known.error <= self.largest_error

    def _completion_s(self, pilot: PilotLoad) -> float:
        known = self.forecasts.get(pilot.name)
        observed = pilot.workers / pilot.tasks_per_s if pilot.tasks_per_s else None
        each = observed if observed is not None else known.seconds if known is not None else float("inf")
        waiting = pilot.backlog_s if isfinite(pilot.backlog_s) else each * (pilot.workers - pilot.idle_workers)
        return (waiting if pilot.idle_workers == 0 else 0.0) + each


def policy(
    model: CostModel, job: Job, machines: Mapping[str, Machine], *, largest_error: float | None = None
) -> ModelPolicy:
    """Return the policy for tasks of one kind on pilots that stand for these resources.

    Parameters
    ----------
    model
        A cost model.
    job
        What one task does; see `qdreamer.demand`.
    machines
        The resources of each pilot, as Q-Dreamer's values.
    largest_error
        See `ModelPolicy`.
    """
    forecasts = {}
    for name, machine in machines.items():
        found = _forecast(model, job, machine)
        if found is not None:
            forecasts[name] = found
    return ModelPolicy(forecasts, largest_error)


def _forecast(model: CostModel, job: Job, machine: Machine) -> Forecast | None:
    """Return the best that a machine can do with one task, on whichever kind of its workers."""
    from qdreamer.cost import PROCESS_BYTES, Workers
    from qdreamer.sampling import device_bias

    gpus, qpus = sum(gpu.count for gpu in machine.gpus), sum(qpu.count for qpu in machine.qpus)
    everything = Workers(cpu=machine.workers, gpu=gpus, qpu=qpus)
    on = model.seconds_on(job, everything, machine)
    if not on:
        return None
    kind = min(on, key=lambda one: on[one].value)
    memory = {
        "cpu": machine.memory / machine.cores - PROCESS_BYTES,
        "gpu": min((g.memory for g in machine.gpus), default=0),
    }
    qpu = max(machine.qpus, key=lambda one: one.two_qubit_error, default=None)
    noisy = kind == "qpu" and qpu is not None
    counts = {"gates": round(job.gates), "measured": 1}
    error = device_bias(counts, qpu.two_qubit_error, qpu.readout_error) if noisy and qpu is not None else 0.0
    return Forecast(on[kind].value, memory.get(kind), error)
