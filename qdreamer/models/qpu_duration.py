"""Time of a batch of circuits on identical QPUs without a queue, from typed-in properties of the device.

The vendor's own usage estimate for one job [1]_, applied as in the paper's Figure 6 (§7.2.1: one circuit a job, perfect
division over the QPUs, plus the dispatch of the batch)::

    seconds = t_dispatch + J · (t_job + shots · (t_repetition + t_readout + depth · t_layer)),   J = ⌈circuits / QPUs⌉

One layer of a circuit counts as one two-qubit gate between two single-qubit gates, without routing: a lower bound. It
hardly matters: a shot takes 0.25 ms of waiting and about 0.01 ms of circuit. The time does not depend on the number of
qubits except through the depth.

.. [1] IBM Quantum documentation, "Workload usage": ``<per sub-job overhead> + (rep_delay + <circuit length>) *
   <num executions>``, and as a quick formula ``2 + 0.00035 * <num executions>``.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from qdreamer.model import Features, Law, Model


@dataclass(frozen=True, slots=True)
class QpuProperties:
    """What the duration of a job depends on; all times in seconds.

    Attributes
    ----------
    name
        Processor, for captions.
    n_qubits
        Width.
    job_s
        Overhead of one job.
    repetition_s, repetition_range_s
        Wait between two shots: the default, and what the device allows.
    readout_s
        Measurement.
    layer_s
        One layer of a circuit.
    dispatch_s
        Overhead of dispatching the whole batch.
    """

    name: str
    n_qubits: int
    job_s: float
    repetition_s: float
    repetition_range_s: tuple[float, float]
    readout_s: float
    layer_s: float
    dispatch_s: float


EAGLE = QpuProperties(
    name="IBM Eagle r3",
    n_qubits=127,
    job_s=2.0,
    repetition_s=250e-6,
    repetition_range_s=(0.0, 500e-6),
    readout_s=1.216e-6,
    layer_s=533.3e-9 + 2 * 56.9e-9,
    dispatch_s=2.0,
)
"""IBM Eagle r3 as recorded for ``ibm_sherbrooke`` on 2025-02-26 (``FakeSherbrooke`` of qiskit-ibm-runtime 0.51):
``default_rep_delay`` 250 µs, ``rep_delay_range`` 0–500 µs, readout 1.216 µs, median ECR 533.3 ns, SX 56.9 ns.
``job_s`` is the overhead of the vendor's formula, ``dispatch_s`` the paper's (§7.2.1: 2 s for 1,024 tasks)."""


def _design(features: Features) -> tuple[float, ...]:
    jobs = ceil(features["circuits"] / features["qpus"])
    executions = jobs * features["shots"]
    return 1.0, float(jobs), executions, executions * features["depth"]


LAW = Law(
    name="qpu_duration",
    summary="t_dispatch + jobs·(t_job + shots·(t_shot + depth·t_layer)), jobs = ⌈circuits / QPUs⌉",
    features=("circuits", "qpus", "shots", "depth"),
    terms=("batch", "job", "shot", "shot-layer"),
    design=_design,
)


def model(properties: QpuProperties = EAGLE) -> Model:
    """Return the law with typed-in coefficients; its interval spans the allowed repetition delays."""
    shots = (properties.repetition_s, *properties.repetition_range_s)
    rows = [
        [properties.dispatch_s, properties.job_s, repetition + properties.readout_s, properties.layer_s]
        for repetition in shots
    ]
    members = np.array(rows)
    return Model(LAW, members[0], members, np.zeros(len(rows)), level=1.0, ranges={}, observations=0)
