"""Seconds of making subexperiments from a cut plan: ``t_base + t_circuit · C + t_gate · G``.

C circuits are written, G gates in them together; simulator-only executors write fragments instead of circuits.
"""

from __future__ import annotations

from qdreamer.model import Features, Law


def _design(features: Features) -> tuple[float, ...]:
    return 1.0, features["circuits"], features["gates"]


LAW = Law(
    name="generation",
    summary="t_base + t_circuit·C + t_gate·G",
    features=("circuits", "gates"),
    terms=("base", "circuit", "gate"),
    design=_design,
)
