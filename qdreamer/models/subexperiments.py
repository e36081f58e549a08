"""Seconds of subexperiments that are made and sampled on a state-vector simulator.

::

    seconds = t_circuit · C + t_gate · G + t_amplitude · A + t_shot · S + t_again · (S·G)_mid + t_slow · (S·A)_mid

C circuits with G gates that pass over A amplitudes (gates · 2ʷ), S shots. Those that measure in mid-circuit are
simulated anew for every shot: ``mid_shot_gates`` and ``mid_shot_amplitudes`` count gates and amplitudes once for each
of their shots, which is where most of the time of a conventional cut goes.
"""

from __future__ import annotations

from qdreamer.model import Features, Law


def _design(features: Features) -> tuple[float, ...]:
    return tuple(features[name] for name in _FEATURES)


_FEATURES = ("circuits", "gates", "amplitudes", "shots", "mid_shot_gates", "mid_shot_amplitudes")
LAW = Law(
    name="subexperiments",
    summary="t_circuit·C + t_gate·G + t_amplitude·A + t_shot·S + Σ_mid shots·(t_again·G + t_slow·A)",
    features=_FEATURES,
    terms=("circuit", "gate", "amplitude", "shot", "mid-circuit shot-gate", "mid-circuit shot-amplitude"),
    design=_design,
)
