"""Engines: how tasks run inside a pilot. Outsiders add theirs in the group ``pilot_quantum.engines``."""

from __future__ import annotations

from .._registry import load_member, member_names
from .base import AbstractEngine, EngineEvents, WorkerSlot

__all__ = ["AbstractEngine", "EngineEvents", "WorkerSlot", "load", "names"]

_GROUP = "pilot_quantum.engines"
_BUILT_IN = {
    "dask": "pilot_quantum.engines.dask:DaskEngine",
    "inline": "pilot_quantum.engines.inline:InlineEngine",
    "mpi": "pilot_quantum.engines.mpi:MpiEngine",
    "processes": "pilot_quantum.engines.processes:ProcessesEngine",
    "ray": "pilot_quantum.engines.ray:RayEngine",
}


def names() -> tuple[str, ...]:
    """Return the names of all engines, sorted."""
    return member_names(_GROUP, _BUILT_IN)


def load(name: str) -> type[AbstractEngine]:
    """Return the engine class called ``name``; raises InvalidDescription if there is none or it is not installed."""
    engine: type[AbstractEngine] = load_member(_GROUP, _BUILT_IN, name)
    return engine
