"""The mini-apps: one self-contained workload for each execution motif of the paper.

``names()`` lists what is installed, ``load(name)`` returns one label. Outsiders add apps through the entry-point
group ``qhpc.miniapps`` (``name = "package.module:APP"``).
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points

from ._app import Features, Measurement, Metric, MiniApp, MotifCard, Params, Unsupported, Verdict

__all__ = [
    "Features",
    "Measurement",
    "Metric",
    "MiniApp",
    "MotifCard",
    "Params",
    "UnknownMiniApp",
    "Unsupported",
    "Verdict",
    "load",
    "names",
]

_BUILT_IN = {
    "circuit_cutting": "miniapps.circuit_cutting:APP",
    "circuit_execution": "miniapps.circuit_execution:APP",
    "dispatch": "miniapps.dispatch:APP",
    "distributed_state_vector": "miniapps.distributed_state_vector:APP",
    "error_mitigation": "miniapps.error_mitigation:APP",
    "generative": "miniapps.generative:APP",
    "qml_classifier": "miniapps.qml_classifier:APP",
    "qml_compression": "miniapps.qml_compression:APP",
    "qml_pipeline": "miniapps.qml_pipeline:APP",
    "vqa_asynchronous": "miniapps.vqa_asynchronous:APP",
    "vqa_parallel": "miniapps.vqa_parallel:APP",
    "vqa_sequential": "miniapps.vqa_sequential:APP",
}


class UnknownMiniApp(LookupError):
    """No mini-app of that name is installed; the message lists those that are."""


def _registry() -> dict[str, str]:
    found = {point.name: point.value for point in entry_points(group="qhpc.miniapps")}
    return {**found, **_BUILT_IN}


def names() -> tuple[str, ...]:
    """Return the names of all installed mini-apps, sorted."""
    return tuple(sorted(_registry()))


def load(name: str) -> MiniApp:
    """Return the label of the mini-app called ``name``; a name with a colon is its place, ``"package.module:APP"``.

    Raises
    ------
    UnknownMiniApp
        If there is none of that name, or at that place.
    """
    registry = {name: name} if ":" in name else _registry()
    if name not in registry:
        raise UnknownMiniApp(f"no mini-app {name!r}; installed: {', '.join(sorted(registry))}")
    module, _, attribute = registry[name].partition(":")
    try:
        app = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise UnknownMiniApp(f"mini-app {name!r} cannot be imported: {error}") from error
    if not isinstance(app, MiniApp):
        raise UnknownMiniApp(f"{registry[name]} is a {type(app).__name__}, not a MiniApp")
    return app
