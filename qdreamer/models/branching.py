"""Seconds of circuits that measure in mid-circuit, simulated by branching instead of anew for every shot.

::

    seconds = t_circuit · C + t_gate · (B·G) + t_amplitude · (B·A) + t_shot · S

A measurement doubles the states that are carried on; ``branch_gates`` (B·G) and ``branch_amplitudes`` (B·A) count gates
and amplitudes once for each state that they act on.
"""

from __future__ import annotations

from qdreamer.model import Features, Law


def _design(features: Features) -> tuple[float, ...]:
    return features["circuits"], features["branch_gates"], features["branch_amplitudes"], features["shots"]


LAW = Law(
    name="branching",
    summary="t_circuit·C + t_gate·B·G + t_amplitude·B·A + t_shot·S, B states after mid-circuit measurements",
    features=("circuits", "branch_gates", "branch_amplitudes", "shots"),
    terms=("circuit", "branch-gate", "branch-amplitude", "shot"),
    design=_design,
)
