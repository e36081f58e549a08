"""Seconds of one circuit on a state-vector simulator that fuses gates, with exact expectation values.

::

    seconds = t_circuit · C + t_gate · G + t_build · K + t_core · A / threads + t_memory · M + t_read · R

C circuits with G gates together, K of them controlled rotations, which take Qiskit longer to build; A is the number of
amplitudes that fused gates pass over (Σ passes · 2ʷ, see `qdreamer.fusion`), M those of states that are in no cache,
R the amplitudes that expectation values read. What one core computes is divided by the threads of a task; what memory
bandwidth limits is not.
"""

from __future__ import annotations

from qdreamer.model import Features, Law


def _design(features: Features) -> tuple[float, ...]:
    shared = (features["amplitudes"] / features["threads"], features["uncached"], features["readout"])
    return features["circuits"], features["gates"], features["controlled"], *shared


LAW = Law(
    name="statevector",
    summary="t_circuit·C + t_gate·G + t_build·K + t_core·A/threads + t_memory·M + t_read·R, A = Σ fused passes·2^width",
    features=("circuits", "gates", "controlled", "amplitudes", "uncached", "readout", "threads"),
    terms=("circuit", "gate", "controlled rotation", "amplitude per thread", "uncached amplitude", "amplitude read"),
    design=_design,
)
