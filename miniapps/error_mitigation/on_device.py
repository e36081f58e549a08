"""B.4 on the devices of a pilot: barriers keep the compiler from undoing what was folded or inserted.

Worker side; ``device`` comes from the worker and has ``run`` and ``results``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .kernels import Ran, Work, rows

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qiskit import QuantumCircuit

    from .kernels import Counts
    from .program import Program

MOST_SHOTS: Final = 20_000
"""Shots of one circuit at a time: what IBM's devices have always taken, and less than others'."""
_PAULIS: Final = ("id", "x", "y", "z")


def evaluate_on_device(work: Work, *, device: Any) -> Ran:
    """Run every variant on the device that the task was given; circuits of equal shots go together.

    A circuit with more than `MOST_SHOTS` goes several times.
    """
    start_s, before = time.perf_counter(), len(device.results)
    tables = tuple(np.zeros((len(batch.frames), 2 ** len(batch.program.measured))) for batch in work.batches)
    for shots, pieces in _by_shots(work, tables).items():
        circuits, seeds = [piece.circuit for piece in pieces], [piece.seed for piece in pieces]
        for piece, counts in zip(pieces, device.run(circuits, shots=shots, seeds=seeds), strict=True):
            for bits, number in counts.items():
                piece.row[int(bits, 2)] += number
    return _told(tables, time.perf_counter() - start_s, device.results[before:])


@dataclass(frozen=True, slots=True, eq=False)
class _Piece:
    """A circuit that runs once, and the row of a table that its counts are added to."""

    circuit: QuantumCircuit
    seed: int
    row: NDArray[np.float64]


def _by_shots(work: Work, tables: tuple[Counts, ...]) -> dict[int, list[_Piece]]:
    """Return the pieces of all variants by the shots they have, each piece with a seed of its own."""
    found: dict[int, list[_Piece]] = {}
    for batch, table in zip(work.batches, tables, strict=True):
        for frame, shots, seed, row in zip(rows(batch).tolist(), batch.shots, batch.seeds, table, strict=True):
            made = circuit(batch.program, frame)
            for number, part in enumerate(pieces(shots)):
                found.setdefault(part, []).append(_Piece(made, (seed + number) % 2**31, row))
    return found


def pieces(shots: int) -> list[int]:
    """Divide the shots of a circuit into as few nearly equal parts as devices take."""
    count = max(1, -(-shots // MOST_SHOTS))
    return [shots // count + (number < shots % count) for number in range(count)]


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
