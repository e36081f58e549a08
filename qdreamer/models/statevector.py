"""Seconds of circuits on a state-vector simulator, their final measurements sampled from the final state.

::

    seconds = t_circuit · C + t_gate · G + t_core · A / threads + t_memory · A + t_shot · S

C circuits with G gates together; A is the number of amplitudes that these gates pass over (Σ gates · 2ʷ), S the shots.
What one core computes is divided by the threads of a task; what memory bandwidth limits is not.
"""

from __future__ import annotations

from qdreamer.model import Features, Law


def _design(features: Features) -> tuple[float, ...]:
    passes = features["amplitudes"]
    return features["circuits"], features["gates"], passes / features["threads"], passes, features["shots"]


LAW = Law(
    name="statevector",
    summary="t_circuit·C + t_gate·G + t_core·A/threads + t_memory·A + t_shot·S, A = Σ gates·2^width",
    features=("circuits", "gates", "amplitudes", "shots", "threads"),
    terms=("circuit", "gate", "amplitude per thread", "amplitude", "shot"),
    design=_design,
)
