"""Launchers: how a pilot's resources are obtained. Outsiders add theirs in the group ``pilot_quantum.launchers``."""

from __future__ import annotations

from .._registry import load_member, member_names
from .base import AbstractLauncher, Allocation, Node

__all__ = ["AbstractLauncher", "Allocation", "Node", "load", "names"]

_GROUP = "pilot_quantum.launchers"
_BUILT_IN = {
    "local": "pilot_quantum.launchers.local:LocalLauncher",
    "psij": "pilot_quantum.launchers.psij:PsijLauncher",
    "slurm": "pilot_quantum.launchers.slurm:SlurmLauncher",
}


def names() -> tuple[str, ...]:
    """Return the names of all launchers, sorted."""
    return member_names(_GROUP, _BUILT_IN)


def load(name: str) -> type[AbstractLauncher]:
    """Return the launcher class called ``name``; raises InvalidDescription if there is none."""
    launcher: type[AbstractLauncher] = load_member(_GROUP, _BUILT_IN, name)
    return launcher
