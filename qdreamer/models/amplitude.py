"""Seconds of the amplitude states of fragments and of their Gram tensors.

::

    seconds = t_fragment · F + t_gate · G + t_amplitude · A + t_gram · R

F fragments with G gates; A = Σ 2^width · states over the gates: prefixes are shared, so a gate acts on the states of
the cut ends before it; R = parts · 2^width · states² multiplications of the Gram tensors.
"""

from __future__ import annotations

from qdreamer.model import Features, Law


def _design(features: Features) -> tuple[float, ...]:
    return features["fragments"], features["gates"], features["amplitudes"], features["gram"]


LAW = Law(
    name="amplitude",
    summary="t_fragment·F + t_gate·G + t_amplitude·Σ 2^width·states + t_gram·parts·2^width·states²",
    features=("fragments", "gates", "amplitudes", "gram"),
    terms=("fragment", "gate", "amplitude", "gram"),
    design=_design,
)
