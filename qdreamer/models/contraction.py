"""Seconds of rebuilding a value by one tensor contraction a term: ``t_base + t_tensor · terms·F + t_flop · flops``.

F fragment tensors; flops are those of the chosen contraction order, all terms of the observable together.
"""

from __future__ import annotations

from qdreamer.model import Features, Law


def _design(features: Features) -> tuple[float, ...]:
    return 1.0, features["tensors"], features["flops"]


LAW = Law(
    name="contraction",
    summary="t_base + t_tensor·terms·fragments + t_flop·flops",
    features=("tensors", "flops"),
    terms=("base", "tensor", "flop"),
    design=_design,
)
