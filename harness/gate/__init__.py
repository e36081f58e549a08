"""The regression gate: two commits, built side by side, measured in turn on this machine.

``build`` makes the two sides, ``rounds`` runs a campaign on both in turn, ``counts`` compares what must be equal to the
last digit, ``decide`` puts it together, ``demonstrate`` shows that the gate sees a slowdown and raises no false alarm.
"""

from __future__ import annotations

from .build import Side, build, default_cache, toplevel
from .decide import GateResult, Request, gate

__all__ = ["GateResult", "Request", "Side", "build", "default_cache", "gate", "toplevel"]
