"""A hundred seeded circuits on every kind of gang, against lightning.qubit: ``make test-agreement``.

Values and gradients, complex128 to 1e-12; and complex64 on 20 qubits to 1e-5. Not part of ``make test``: some minutes.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import numpy as np

from miniapps._circuits import CircuitSpec
from miniapps._circuits.families import build
from miniapps._circuits.gates import Circuit
from miniapps.distributed_state_vector import jax_simulator, lightning_simulator, session
from miniapps.distributed_state_vector.flow import job
from miniapps.distributed_state_vector.kernels import Job, Share
from miniapps.distributed_state_vector.params import DistributedStateVector
from miniapps.distributed_state_vector.session import Place
from pilot_quantum import PilotDescription, PilotManager, Resources, TaskDescription
from tests.miniapps.distributed_state_vector.circuits import any_circuit

GANGS = (
    ("processes", 1, 1),
    ("processes", 1, 2),
    ("processes", 1, 4),
    ("processes", 2, 1),
    ("processes", 2, 2),
    ("mpi", 2, 1),
)
"""Engine, ranks, shards of each."""


def circuits() -> list[Circuit]:
    """Return the circuits: two layered families with other seeds, and ten of arbitrary gates."""
    layered = [("strongly_entangling", 3, seed) for seed in range(50)] + [("random", 3, seed) for seed in range(40)]
    return [build(CircuitSpec(*entry[:1], 8, *entry[1:])) for entry in layered] + [
        any_circuit(6, 16, seed) for seed in range(10)
    ]


def ranks_answer(asked: Job, found: list[Circuit], shards: int, ranks: Any) -> list[Share]:
    """Compute all circuits on one rank of a gang, which ends after the last one: each start takes seconds."""
    place = Place(ranks.rank, ranks.size, ranks.coordinator, shards, 1, gpu=False, timeout_s=30)
    end = session._end
    session._end = lambda: None
    try:
        return [jax_simulator.compute(_for(asked, circuit), circuit, place) for circuit in found]
    finally:
        session._end = end
        if place.size > 1:
            end()


def _for(asked: Job, circuit: Circuit) -> Job:
    return replace(asked, terms=DistributedStateVector(n_qubits=circuit.n_qubits).terms())


def errors(shares: list[Share], found: list[Circuit], asked: Job) -> tuple[float, float]:
    """Return the largest errors of values and gradients."""
    worst = [0.0, 0.0]
    here = Place(0, 1, "", 1, 1, gpu=False, timeout_s=1)
    for share, circuit in zip(shares, found, strict=True):
        mine = replace(_for(asked, circuit), double=True)
        right = lightning_simulator.compute(replace(mine, mode="expval"), circuit, here).values
        slopes = lightning_simulator.compute(mine, circuit, here).gradient
        assert share.gradient is not None
        assert slopes is not None
        worst[0] = max(worst[0], float(np.abs(share.values - right).max()))
        worst[1] = max(worst[1], float(np.abs(share.gradient - slopes).max(initial=0.0)))
    return worst[0], worst[1]


def main(count: int) -> int:
    """Print one line for each gang; return 1 if any error is too large."""
    double = replace(
        job(DistributedStateVector(mode="vjp", precision="double", limits=False, evaluations=1)), driver=-1
    )
    single = replace(double, double=False)
    large = [build(CircuitSpec("strongly_entangling", 20, 2, seed)) for seed in range(max(1, count // 50))]
    bad = False
    for engine, ranks, shards in GANGS:
        with PilotManager() as manager:
            pilot = PilotDescription(engine=engine, cores_per_node=ranks, launcher_options={"oversubscribe": True})
            manager.submit_pilot(pilot).wait(90)
            for asked, found, tolerance in ((double, circuits()[-count:], 1e-12), (single, large, 1e-5)):
                resources = Resources(ranks=ranks)
                task = manager.submit_task(TaskDescription(ranks_answer, (asked, found, shards), resources=resources))
                worst = errors(task.result()[0], found, asked)
                bad = bad or max(worst) > tolerance
                line = f"{engine:10} {ranks} x {shards}: {len(found):3} circuits, values {worst[0]:.1e}"
                sys.stdout.write(f"{line}, gradients {worst[1]:.1e}, allowed {tolerance:g}\n")
                sys.stdout.flush()
    return int(bad)


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100))
