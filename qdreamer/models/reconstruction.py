"""Seconds of rebuilding a value as published, row by row: ``t_base + t_row · R + t_sample · R·shots``.

R subexperiments, repetitions included; every one of their samples is visited by a loop.
"""

from __future__ import annotations

from qdreamer.model import Features, Law


def _design(features: Features) -> tuple[float, ...]:
    return 1.0, features["rows"], features["rows"] * features["shots"]


LAW = Law(
    name="reconstruction",
    summary="t_base + t_row·R + t_sample·R·shots",
    features=("rows", "shots"),
    terms=("base", "row", "sample"),
    design=_design,
)
