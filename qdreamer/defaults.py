"""Typed-in coefficients for machines that nobody has calibrated: the right order of magnitude, and wide intervals.

They are rounded from one core of an AMD EPYC (Zen 4, 2026) with Aer 0.18 and NumPy; ``qhpc calibrate`` replaces them.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from . import models as laws
from .cost import CostModel
from .demand import ROLES
from .model import Array, Model

_FACTOR = 3.0
_SECONDS: dict[str, tuple[float, ...]] = {
    "full": (2e-3, 1e-5, 3e-5, 1.5e-9, 0.8e-9, 2e-9),
    "mps": (2e-3, 1e-5, 3e-5, 1.5e-5, 2e-9, 2e-8, 2e-9),
    "amplitude": (3e-4, 1.5e-5, 3e-9, 5e-9, 2e-10, 1e-9, 3e-8),
    "distinct": (1.5e-3, 3e-6, 2e-9, 1e-6, 1e-7, 5e-9),
    "branching": (1.5e-3, 5e-6, 5e-9, 2e-6),
    "reference": (5e-3, 3e-6, 2e-9, 1e-6, 1e-7, 5e-9),
    "rebuild": (1e-3, 1e-5, 2.5e-6),
    "contract": (5e-5, 2e-5, 1e-9),
    "estimate": (3e-4, 1.5e-5, 1e-7),
    "rows": (3e-4, 1e-4, 1e-7),
    "dispatch": (2e-4, 1e-4, 1e-9),
}


@lru_cache(maxsize=1)
def typed_in() -> CostModel:
    """Return the cost model of typed-in coefficients; its intervals are a factor of 3 either way."""
    return CostModel({name: _model(name, np.array(seconds)) for name, seconds in _SECONDS.items()})


def _model(name: str, coefficients: Array) -> Model:
    members = np.array([coefficients / _FACTOR, coefficients, coefficients * _FACTOR])
    return Model(laws.load(ROLES[name]), coefficients, members, np.zeros(3), level=1.0, ranges={}, observations=0)
