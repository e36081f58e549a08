"""Seconds of one circuit on a matrix-product-state simulator.

::

    seconds = t_run + t_gate · G + t_update · U + t_svd · V + t_shot · S

G gates; U updates of two neighbouring sites, swaps included; V = Σ m·n·min(m, n) over the m × n matrices that these
updates decompose, from the bond estimate of the workload analyzer; S shots.
"""

from __future__ import annotations

from qdreamer.model import Features, Law


def _design(features: Features) -> tuple[float, ...]:
    return 1.0, features["gates"], features["updates"], features["svd"], features["shots"]


LAW = Law(
    name="mps",
    summary="t_run + t_gate·G + t_update·U + t_svd·Σ m·n·min(m,n) + t_shot·S",
    features=("gates", "updates", "svd", "shots"),
    terms=("run", "gate", "update", "svd", "shot"),
    design=_design,
)
