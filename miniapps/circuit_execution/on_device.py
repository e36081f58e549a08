"""B.1 on the devices of a pilot: the worker hands the circuits of a batch to ``device`` and packs what comes back.

Worker side; ``device`` comes from the worker and has ``run``, ``estimate`` and ``results``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._circuits.gates import Circuit
from .._circuits.qiskit_io import to_qiskit
from .kernels import Batch, Samples, Values, as_circuit, as_counted, packed
from .observables import paulis


@dataclass(frozen=True, slots=True, eq=False)
class Ran:
    """What came of a batch on devices.

    Attributes
    ----------
    answer
        As of any other batch.
    devices
        Number of circuits on each; empty for simulators in the worker.
    start_s, end_s
        First submission and last result, seconds of the devices' clock; None where there is none.
    qpu_s, cost
        What was used, as far as devices tell.
    projected
        Whether the clock is simulated.
    """

    answer: Samples | Values
    devices: dict[str, int]
    start_s: float | None = None
    end_s: float | None = None
    qpu_s: float = 0.0
    cost: float = 0.0
    projected: bool = False


def run_batch_on_device(batch: Batch, *, device: Any) -> Ran:
    """Run one batch on the devices that the task was given."""
    job = batch.job
    specs = [job.ensemble.spec(index) for index in range(batch.start, batch.stop)]
    circuits = [as_circuit(spec) for spec in specs]
    measured = [to_qiskit(one, measure=True) if isinstance(one, Circuit) else one for one in circuits]
    before = len(device.results)
    answer: Samples | Values
    if job.observables:
        wanted = paulis(job.observables, job.ensemble.n_qubits)
        rows = device.estimate(measured, wanted, shots=job.shots, seed=specs[0].seed % 2**31)
        answer = Values(np.array(rows, dtype=np.float64))
    else:
        found = device.run(measured, shots=job.shots, seeds=[spec.seed % 2**31 for spec in specs])
        answer = packed([as_counted({int(bits, 2): n for bits, n in counts.items()}) for counts in found])
    return _told(answer, device.results[before:])


def _told(answer: Samples | Values, results: list[Any]) -> Ran:
    if not results:
        return Ran(answer, {})
    devices: dict[str, int] = {}
    for result in results:
        devices[result.device] = devices.get(result.device, 0) + 1
    return Ran(
        answer,
        devices,
        start_s=min(result.submitted_s for result in results),
        end_s=max(result.ended_s for result in results),
        qpu_s=sum(result.qpu_s or 0.0 for result in results),
        cost=sum(result.cost or 0.0 for result in results),
        projected=all(result.projected for result in results),
    )
