"""B.4 on the devices of a pilot: barriers keep the compiler from undoing what was folded or inserted.

Worker side; ``device`` comes from the worker and has ``run`` and ``results``.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from .kernels import Ran, Work, rows

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from .kernels import Counts
    from .program import Batch, Program

_PAULIS = ("id", "x", "y", "z")


def evaluate_on_device(work: Work, *, device: Any) -> Ran:
    """Run every variant on the device that the task was given; circuits of equal shots go together."""
    start_s, before = time.perf_counter(), len(device.results)
    jobs = [
        (circuit(batch.program, frame), shots, seed % 2**31)
        for batch in work.batches
        for frame, shots, seed in zip(rows(batch).tolist(), batch.shots, batch.seeds, strict=True)
    ]
    found: dict[int, dict[str, int]] = {}
    for number in sorted({shots for _, shots, _ in jobs}):
        places = [place for place, job in enumerate(jobs) if job[1] == number]
        some = [jobs[place] for place in places]
        answers = device.run([one for one, _, _ in some], shots=number, seeds=[seed for *_, seed in some])
        found.update(zip(places, answers, strict=True))
    counts, place = [], 0
    for batch in work.batches:
        counts.append(_tabulated([found[place + n] for n in range(len(batch.frames))], batch))
        place += len(batch.frames)
    return _told(tuple(counts), time.perf_counter() - start_s, device.results[before:])


def circuit(program: Program, frame: list[int]) -> QuantumCircuit:
    """Return a variant as Qiskit's circuit with its measurements.

    Every gate is followed by a barrier on its qubits: what is compiled stays U U⁻¹ U, or a pair of pulses.
    """
    from qiskit import QuantumCircuit

    made = QuantumCircuit(program.n_qubits, len(program.measured))
    for (name, qubits, params), paulis in zip(program.gates, frame, strict=True):
        getattr(made, name)(*params, *qubits)
        for place, qubit in enumerate(qubits):
            if operator := paulis >> (2 * place) & 3:
                getattr(made, _PAULIS[operator])(qubit)
        made.barrier(*qubits)
    made.measure(program.measured, range(len(program.measured)))
    return made


def _tabulated(found: list[dict[str, int]], batch: Batch) -> Counts:
    table = np.zeros((len(found), 2 ** len(batch.program.measured)))
    for row, counts in zip(table, found, strict=True):
        for bits, number in counts.items():
            row[int(bits, 2)] += number
    return table


def _told(counts: tuple[Counts, ...], busy_s: float, results: list[Any]) -> Ran:
    if not results:
        return Ran(counts, busy_s, {})
    devices: dict[str, int] = {}
    for result in results:
        devices[result.device] = devices.get(result.device, 0) + 1
    return Ran(
        counts,
        busy_s,
        devices,
        start_s=min(result.submitted_s for result in results),
        end_s=max(result.ended_s for result in results),
        qpu_s=sum(result.qpu_s or 0.0 for result in results),
        cost=sum(result.cost or 0.0 for result in results),
        projected=all(result.projected for result in results),
    )
