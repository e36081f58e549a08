"""The laws: one formula a file, one line here, open to other distributions.

``names()`` lists what is installed, ``load(name)`` returns one law. Outsiders add laws through the entry-point group
``qdreamer.laws`` (``name = "package.module:LAW"``).
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points

from qdreamer.model import Law

_BUILT_IN = {
    "amplitude": "qdreamer.models.amplitude:LAW",
    "batch_time": "qdreamer.models.batch_time:LAW",
    "state_vector": "qdreamer.models.state_vector:LAW",
    "branching": "qdreamer.models.branching:LAW",
    "contraction": "qdreamer.models.contraction:LAW",
    "dispatch": "qdreamer.models.dispatch:LAW",
    "mps": "qdreamer.models.mps:LAW",
    "power_law": "qdreamer.models.power_law:LAW",
    "power_law_counts": "qdreamer.models.power_law:LAW_COUNTS",
    "qpu_duration": "qdreamer.models.qpu_duration:LAW",
    "reconstruction": "qdreamer.models.reconstruction:LAW",
    "statevector": "qdreamer.models.statevector:LAW",
    "subexperiments": "qdreamer.models.subexperiments:LAW",
}


class UnknownLaw(LookupError):
    """No law of that name is installed; the message lists those that are."""


def _registry() -> dict[str, str]:
    found = {point.name: point.value for point in entry_points(group="qdreamer.laws")}
    return {**found, **_BUILT_IN}


def names() -> tuple[str, ...]:
    """Return the names of all installed laws, sorted."""
    return tuple(sorted(_registry()))


def load(name: str) -> Law:
    """Return the law called ``name``.

    Raises
    ------
    UnknownLaw
        If there is none of that name.
    """
    registry = _registry()
    if name not in registry:
        raise UnknownLaw(f"no law {name!r}; installed: {', '.join(sorted(registry))}")
    module, _, attribute = registry[name].partition(":")
    law = getattr(import_module(module), attribute)
    if not isinstance(law, Law):
        raise UnknownLaw(f"{registry[name]} is a {type(law).__name__}, not a Law")
    return law
