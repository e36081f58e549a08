"""Seconds of the amplitude states of fragments and of their Gram tensors.

::

    seconds = t_fragment · F + t_step · S + t_move · M + t_far · U + t_flop · N + t_gram · R + t_overlap · O

F fragments; their evolution takes S array operations, which read and write M complex numbers, U of them in arrays that
no cache of one core holds, and multiply N times (prefixes are shared, so a gate acts on the states of the cut ends
before it); R = parts · 2^width · states² multiplications of the Gram tensors, and O = parts · states² their numbers,
which are put in order.
"""

from __future__ import annotations

from qdreamer.model import Features, Law

_FEATURES = ("fragments", "steps", "moved", "uncached", "flops", "gram", "overlaps")


def _design(features: Features) -> tuple[float, ...]:
    return tuple(features[name] for name in _FEATURES)


LAW = Law(
    name="amplitude",
    summary="t_fragment·F + t_step·S + t_move·M + t_far·U + t_flop·N + parts·states²·(t_gram·2^width + t_overlap)",
    features=_FEATURES,
    terms=("fragment", "step", "number moved", "number from memory", "multiplication", "gram", "overlap"),
    design=_design,
)
