"""A file about a machine that is not here.

::

    name = "8 x B200"
    nodes = 1
    cores = 224                 # of a node
    memory_gib = 2048           # of a node
    core_speed = 1.0            # relative to the machine that was calibrated

    [[gpus]]
    name = "NVIDIA B200"
    count = 8
    memory_gib = 180
    bandwidth_gb_s = 8000

    [[qpus]]
    name = "IBM Eagle r3"
    count = 256
    n_qubits = 127
    two_qubit_error = 0.007
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from .resources import BadResources, Gpu, Qpu, Resources

_GIB = 2**30
_MACHINE = ("name", "nodes", "cores", "memory_gib", "numa", "core_speed", "gpus", "qpus")
_GPU = ("name", "count", "memory_gib", "bandwidth_gb_s", "launch_s")
_QPU = (
    "name",
    "count",
    "n_qubits",
    "job_s",
    "repetition_s",
    "readout_s",
    "layer_s",
    "two_qubit_error",
    "readout_error",
    "mid_circuit",
)


def read(path: Path) -> Resources:
    """Read a machine file.

    Raises
    ------
    BadResources
        If there is no such file, it is no TOML, or a key or value breaks a rule; one line names file, key and choices.
    """
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadResources(f"{path}: cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise BadResources(f"{path}: TOML syntax: {error}") from error
    try:
        return parse(data)
    except BadResources as error:
        raise BadResources(f"{path}: {error}") from error


def parse(data: Mapping[str, Any]) -> Resources:
    """Return the resources that a parsed file states.

    Raises
    ------
    BadResources
        For an unknown, missing or wrong key.
    """
    known(data, _MACHINE, "")
    return Resources(
        name=_text(data, "name", ""),
        nodes=_whole(data, "nodes", "", 1),
        cores=_whole(data, "cores", ""),
        memory=_memory(data, ""),
        numa=_numa(data.get("numa", [])),
        core_speed=_real(data, "core_speed", "", 1.0),
        gpus=tuple(_gpu(one, f"gpus[{index}].") for index, one in enumerate(_tables(data, "gpus"))),
        qpus=tuple(_qpu(one, f"qpus[{index}].") for index, one in enumerate(_tables(data, "qpus"))),
    )


def known(data: Mapping[str, Any], valid: Iterable[str], place: str) -> None:
    """Refuse a key that is not valid, with the valid ones and the nearest."""
    names = list(valid)
    for key in data:
        if key not in names:
            near = get_close_matches(key, names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise BadResources(f"{place}{key}: unknown key; valid: {', '.join(names)}{hint}")


def _gpu(data: Mapping[str, Any], place: str) -> Gpu:
    known(data, _GPU, place)
    given = {"launch_s": _real(data, "launch_s", place)} if "launch_s" in data else {}
    if "bandwidth_gb_s" in data:
        given["bandwidth"] = 1e9 * _real(data, "bandwidth_gb_s", place)
    return Gpu(_text(data, "name", place), _memory(data, place), _whole(data, "count", place, 1), **given)


def _qpu(data: Mapping[str, Any], place: str) -> Qpu:
    known(data, _QPU, place)
    rest = _QPU[3:-1]
    given: dict[str, Any] = {name: _real(data, name, place, least=0.0) for name in rest if name in data}
    if "mid_circuit" in data:
        given["mid_circuit"] = bool(data["mid_circuit"])
    return Qpu(_text(data, "name", place), _whole(data, "n_qubits", place), _whole(data, "count", place, 1), **given)


def _tables(data: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = data.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise BadResources(f"{key} = {found!r}: must be tables, written [[{key}]]")
    return list(found)


def _numa(found: object) -> tuple[int, ...]:
    if not isinstance(found, list) or not all(isinstance(one, int) and one > 0 for one in found):
        raise BadResources(f"numa = {found!r}: must be a list of the cores of each NUMA node")
    return tuple(found)


def _text(data: Mapping[str, Any], key: str, place: str) -> str:
    found = data.get(key)
    if not isinstance(found, str) or not found:
        raise BadResources(f"{place}{key} = {found!r}: must be a name")
    return found


def _whole(data: Mapping[str, Any], key: str, place: str, default: int | None = None) -> int:
    found = data.get(key, default)
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise BadResources(f"{place}{key} = {found!r}: must be a whole number, 1 or more")
    return found


def _real(
    data: Mapping[str, Any], key: str, place: str, default: float | None = None, *, least: float | None = None
) -> float:
    found = data.get(key, default)
    number = isinstance(found, int | float) and not isinstance(found, bool)
    if not number or found is None or not (found > 0 if least is None else found >= least):
        raise BadResources(f"{place}{key} = {found!r}: must be a {'positive ' if least is None else ''}number")
    return float(found)


def _memory(data: Mapping[str, Any], place: str) -> int:
    return int(_real(data, "memory_gib", place) * _GIB)
