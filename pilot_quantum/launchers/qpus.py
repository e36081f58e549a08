"""Quantum devices that a batch system gives to a job, as plain values: from QRMI's plug-in for Slurm, licences, GRES.

Parsing only; what is done with the values is the devices' business.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..errors import InvalidDescription

_NAMES = ("QRMI_JOB_QPU_RESOURCES", "SLURM_JOB_QPU_RESOURCES")
"""The second one is the name in older versions of the plug-in."""
_TYPES = ("QRMI_JOB_QPU_TYPES", "SLURM_JOB_QPU_TYPES")
_TROUBLE = "QRMI_PLUGIN_ERROR"
"""Where the plug-in says why it could not acquire a device."""


@dataclass(frozen=True, slots=True)
class Qpu:
    """A quantum device of a job.

    Attributes
    ----------
    name
        Its name; of a GRES its type, or ``qpu`` if it has none.
    kind
        QRMI's resource type, such as ``direct-access`` or ``pasqal-cloud``; empty for others.
    source
        Who says so.
    count
        How many of them.
    settings
        QRMI's settings of the device, such as ``IBM_DA_ENDPOINT``. They may hold credentials, so they are not shown.
    """

    name: str
    kind: str = ""
    source: Literal["qrmi", "licence", "gres"] = "qrmi"
    count: int = 1
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)


def from_environment(environment: Mapping[str, str]) -> tuple[Qpu, ...]:
    """Return the devices that QRMI's SPANK plug-in tells a job of, in its order.

    Raises
    ------
    InvalidDescription
        If there is not one type for each name, or the plug-in could not acquire them.
    """
    if environment.get(_TROUBLE):
        raise InvalidDescription(f"QRMI could not acquire the job's devices: {environment[_TROUBLE]}")
    names = _listed(environment, _NAMES)
    kinds = _listed(environment, _TYPES)
    if len(names) != len(kinds):
        raise InvalidDescription(f"{_NAMES[0]} names {len(names)} device(s), {_TYPES[0]} has {len(kinds)} type(s)")
    return tuple(
        Qpu(name, kind, settings=_settings(environment, name)) for name, kind in zip(names, kinds, strict=True)
    )


def from_licences(text: str, known: frozenset[str] | None = None, *, every: bool = False) -> tuple[Qpu, ...]:
    """Return the devices among licences, ``name[@server][:count],…``.

    Parameters
    ----------
    text
        As Slurm takes and tells it.
    known
        Names of licences that stand for devices; None means those with ``qpu`` in their name.
    every
        Whether any licence may stand for a device; its description says which.
    """
    found = []
    for item in filter(None, text.replace(";", ",").split(",")):
        name, _, count = item.strip().partition(":")
        name = name.partition("@")[0]
        if every or (name in known if known is not None else "qpu" in name.lower()):
            found.append(Qpu(name, source="licence", count=_counted(count, item)))
    return tuple(found)


def from_gres(text: str) -> tuple[Qpu, ...]:
    """Return the devices among generic resources, ``qpu[:type][:count],…``."""
    found = []
    for item in filter(None, text.split(",")):
        name, *rest = item.strip().removeprefix("gres:").removeprefix("gres/").split(":")
        if name.lower() == "qpu":
            count = rest.pop() if rest and rest[-1].isdigit() else "1"
            found.append(Qpu(rest[0] if rest else "qpu", source="gres", count=_counted(count, item)))
    return tuple(found)


def _listed(environment: Mapping[str, str], names: tuple[str, ...]) -> list[str]:
    text = next((environment[name] for name in names if environment.get(name)), "")
    return [part.strip() for part in text.split(",") if part.strip()]


def _settings(environment: Mapping[str, str], name: str) -> dict[str, str]:
    def of(prefix: str) -> Iterator[tuple[str, str]]:
        yield from ((key.removeprefix(prefix), value) for key, value in environment.items() if key.startswith(prefix))

    return dict(of(f"{name}_QRMI_"))


def _counted(text: str, item: str) -> int:
    if not text:
        return 1
    if not text.isdigit() or int(text) < 1:
        raise InvalidDescription(f"{item!r}: the count must be a whole number, 1 or more")
    return int(text)
