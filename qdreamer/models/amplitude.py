"""Seconds of the amplitude states of fragments and of their Gram tensors.

::

    seconds = t_fragment · F + t_step · S + t_move · M + t_flop · N + t_gram · R

F fragments; their evolution takes S array operations, which read and write M complex numbers and multiply N times
(prefixes are shared, so a gate acts on the states of the cut ends before it); R = parts · 2^width · states²
multiplications of the Gram tensors.
"""

from __future__ import annotations

from qdreamer.model import Features, Law

_FEATURES = ("fragments", "steps", "moved", "flops", "gram")


def _design(features: Features) -> tuple[float, ...]:
    return tuple(features[name] for name in _FEATURES)


LAW = Law(
    name="amplitude",
    summary="t_fragment·F + t_step·S + t_move·M + t_flop·N + t_gram·parts·2^width·states²",
    features=_FEATURES,
    terms=("fragment", "step", "number moved", "multiplication", "gram"),
    design=_design,
)
