"""Seconds of one circuit on a matrix-product-state simulator, with exact expectation values.

::

    seconds = t_run + t_gate · G + t_build · K + t_update · U + t_touch · T + t_svd · V + t_read · R

G gates, K of them controlled rotations, which take Qiskit longer to build; U updates of two neighbouring sites, swaps
included; T complex numbers that gates and updates pass over; V = Σ m·n·min(m, n) over the m × n matrices that updates
decompose; R multiplications of the expectation values. All from the bonds as they grow gate by gate (`qdreamer.bonds`).
"""

from __future__ import annotations

from qdreamer.model import Features, Law

_FEATURES = ("gates", "controlled", "updates", "touched", "svd", "readout")


def _design(features: Features) -> tuple[float, ...]:
    return 1.0, *(features[name] for name in _FEATURES)


LAW = Law(
    name="mps",
    summary="t_run + t_gate·G + t_build·K + t_update·U + t_touch·T + t_svd·Σ m·n·min(m,n) + t_read·R",
    features=_FEATURES,
    terms=("run", "gate", "controlled rotation", "update", "number touched", "svd", "readout"),
    design=_design,
)
