"""A calibrated cost model on disk: JSON with the fingerprint of its machine, refused on another one unless told.

``calibrate`` fits every law that enough observations are given for; the others keep their typed-in coefficients
(``observations = 0``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from . import models as laws
from .cost import CostModel
from .defaults import typed_in
from .demand import ROLES
from .fit import fit
from .model import Law, Model, Observation

VERSION = 1
_MEMBERS = 50


class BadCalibration(ValueError):
    """The file is no calibration, or of another machine; the message says what differs."""


def calibrate(
    observed: Mapping[str, Sequence[Observation]], *, name: str, fingerprint: Mapping[str, str], seed: int = 0
) -> CostModel:
    """Return a cost model fitted to observations.

    Parameters
    ----------
    observed
        Observations of each role of `qdreamer.demand.ROLES`; one with too few different ones keeps its typed-in
        coefficients.
    name
        For captions.
    fingerprint
        What must be the same where the model is used: processor, cores, versions of simulators.
    seed
        Of the bootstrap.
    """
    models = dict(typed_in().models)
    for role, rows in observed.items():
        law = laws.load(ROLES[role])
        if _enough(law, rows):
            models[role] = fit(law, list(rows), seed=seed, members=_MEMBERS)
    return CostModel(models, name=name, fingerprint=dict(fingerprint))


def _enough(law: Law, rows: Sequence[Observation]) -> bool:
    return len({tuple(sorted(row.features.items())) for row in rows}) > len(law.terms)


def save(model: CostModel, path: Path) -> None:
    """Write a cost model; the file is replaced as a whole."""
    data = {
        "version": VERSION,
        "name": model.name,
        "fingerprint": dict(model.fingerprint),
        "models": {name: _as_dict(one) for name, one in sorted(model.models.items())},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


def load(path: Path, *, fingerprint: Mapping[str, str], any_machine: bool = False) -> CostModel:
    """Read a cost model.

    Parameters
    ----------
    path
        As `save` wrote it.
    fingerprint
        This machine's.
    any_machine
        Take a model of another machine too; it then says so in its name.

    Raises
    ------
    BadCalibration
        If the file is no calibration, or of another machine and ``any_machine`` is false.
    """
    try:
        data = json.loads(path.read_text("utf-8"))
        model = CostModel(
            {name: _from_dict(one) for name, one in data["models"].items()},
            name=data["name"],
            fingerprint=data["fingerprint"],
        )
        version = data["version"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadCalibration(f"{path}: is no calibration: {error}") from error
    if version != VERSION:
        raise BadCalibration(f"{path}: version {version}; this installation reads {VERSION}: calibrate again")
    differing = differences(model.fingerprint, fingerprint)
    if differing and not any_machine:
        raise BadCalibration(f"{path}: made on another machine ({'; '.join(differing)}); calibrate here, or say so")
    return replace(model, name=f"{model.name} (another machine)") if differing else model


def differences(theirs: Mapping[str, str], ours: Mapping[str, str]) -> list[str]:
    """Return what differs between two fingerprints, one clause each."""
    names = sorted({*theirs, *ours})
    return [f"{n}: {theirs.get(n)} there, {ours.get(n)} here" for n in names if theirs.get(n) != ours.get(n)]


def _as_dict(model: Model) -> dict[str, Any]:
    return {
        "law": model.law.name,
        "terms": list(model.law.terms),
        "coefficients": model.coefficients.tolist(),
        "members": model.members.tolist(),
        "scatter": model.scatter.tolist(),
        "level": model.level,
        "ranges": {name: list(pair) for name, pair in model.ranges.items()},
        "observations": model.observations,
    }


def _from_dict(data: Mapping[str, Any]) -> Model:
    law = laws.load(data["law"])
    if list(law.terms) != list(data["terms"]):
        raise ValueError(f"the law {law.name!r} has other terms now")
    return Model(
        law=law,
        coefficients=np.array(data["coefficients"], dtype=float),
        members=np.array(data["members"], dtype=float),
        scatter=np.array(data["scatter"], dtype=float),
        level=float(data["level"]),
        ranges={name: (float(low), float(high)) for name, (low, high) in data["ranges"].items()},
        observations=int(data["observations"]),
    )
