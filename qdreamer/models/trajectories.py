"""Seconds of circuits that measure or reset in mid-circuit, simulated anew for every shot.

::

    seconds = t_circuit · C + t_shot · S + t_gate · (S·G) + t_amplitude · (S·A)

Each of the shots S passes over all gates G of its circuit and all their amplitudes A (gates · 2ʷ), which is why such
variants take most of the time of a conventional cut.
"""

from __future__ import annotations

from qdreamer.model import Features, Law


def _design(features: Features) -> tuple[float, ...]:
    shots = features["shots"]
    return (
        features["circuits"],
        features["circuits"] * shots,
        features["gates"] * shots,
        features["amplitudes"] * shots,
    )


LAW = Law(
    name="trajectories",
    summary="t_circuit·C + shots·(t_shot·C + t_gate·G + t_amplitude·A), A = Σ gates·2^width",
    features=("circuits", "gates", "amplitudes", "shots"),
    terms=("circuit", "shot", "shot-gate", "shot-amplitude"),
    design=_design,
)
