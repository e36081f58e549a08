"""Short names for cases, and numbers with units as people read them."""

from __future__ import annotations

import json
from math import floor, isfinite, log10
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence


_PREFIXES = {-3: "n", -2: "µ", -1: "m", 0: "", 1: "k", 2: "M", 3: "G", 4: "T"}


class Identified(Protocol):
    """What names a case: its app, parameters and pool (records and comparisons have them)."""

    @property
    def app(self) -> str:
        """Name of the mini-app."""

    @property
    def params(self) -> Mapping[str, Any]:
        """Parameters of the case."""

    @property
    def pool(self) -> Sequence[Mapping[str, Any]]:
        """Pilots that were held together."""


def axes(cases: Iterable[Identified], *, ignore: Sequence[str] = ("seed",)) -> dict[str, list[Any]]:
    """Return the parameters that differ among the cases, each with its levels in ascending order.

    Numbers come before texts; a parameter that some cases lack has the level None.
    """
    rows = [case.params for case in cases]
    names = list(dict.fromkeys(name for row in rows for name in row if name not in ignore))
    levels = {name: _distinct(row.get(name) for row in rows) for name in names}
    return {name: found for name, found in levels.items() if len(found) > 1}


def axes_at(cases: Iterable[Identified], fixed: str | None) -> list[str]:
    """Return the fewest parameters that tell cases apart which have the same value of ``fixed`` on the same pool.

    What only follows ``fixed`` (threads that grow with the width, say), or another parameter (a depth that only one
    family has), is none of them; of two that say the same the earlier one is kept.
    """
    rows = list(cases)
    kept = [name for name in axes(rows) if name != fixed]
    pools: list[Hashable] = [pool_id(case.pool) for case in rows]
    always = [pools, *([_column(rows, fixed)] if fixed else [])]
    columns = {name: _column(rows, name) for name in kept}
    apart = _parts([*always, *columns.values()])
    for name in reversed(kept.copy()):
        fewer = [other for other in kept if other != name]
        if _parts([*always, *(columns[other] for other in fewer)]) == apart:
            kept = fewer
    return kept


def _column(cases: Sequence[Identified], name: str) -> list[Hashable]:
    return [_identity(case.params.get(name)) for case in cases]


def _parts(columns: Sequence[Sequence[Hashable]]) -> int:
    """Return how many different rows these columns make."""
    return len(set(zip(*columns, strict=True)))


def pool_names(pools: Iterable[Sequence[Mapping[str, Any]]]) -> dict[str, str]:
    """Return the shortest name for each distinct pool that tells it from the others, by `pool_id`.

    Engines if they suffice, else with cores and nodes, else with the pilots' names, else everything.
    """
    distinct = {pool_id(pool): pool for pool in pools}
    for name in (_engines, _sizes, _pilots):
        names = {key: name(pool) for key, pool in distinct.items()}
        if len(set(names.values())) == len(names):
            return names
    return {key: key for key in distinct}


def pool_id(pool: Sequence[Mapping[str, Any]]) -> str:
    """Return a text that is equal for equal pools."""
    return json.dumps(list(pool), sort_keys=True, default=str)


def case_label(params: Mapping[str, Any], names: Iterable[str]) -> str:
    """Return ``"n_qubits=4, shots=0"`` for the chosen parameters of a case."""
    return ", ".join(f"{name}={value(params.get(name))}" for name in names)


def short_label(params: Mapping[str, Any], names: Iterable[str]) -> str:
    """Return ``"ghz, shots 100"``: texts speak for themselves, numbers with their name, None is silent."""
    return ", ".join(_spoken(name, params[name]) for name in names if params.get(name) is not None)


def _spoken(name: str, item: Any) -> str:
    return item.replace("_", " ") if isinstance(item, str) else f"{name} {value(item)}"


def value(item: Any) -> str:
    """Return one parameter's value as short text."""
    if isinstance(item, float):
        return f"{item:g}"
    if isinstance(item, list | tuple):
        return "+".join(value(inner) for inner in item)
    return "–" if item is None else str(item)


def order(item: Any) -> tuple[int, float, str]:
    """Return a sort key that puts numbers in numeric order before texts, and None last."""
    if isinstance(item, bool | int | float):
        return 0, float(item), ""
    return (2, 0.0, "") if item is None else (1, 0.0, value(item))


def quantity(number: float | None, unit: str, *, digits: int = 3) -> str:
    """Return a number with its unit, scaled: ``"1.23 ms"``, ``"12.3 k circuits/s"``, ``"–"`` for None.

    Seconds above 1,000 stay seconds: ``"4260 s"``.
    """
    if number is None or not isfinite(number):
        return "–"
    number = float(f"{number:.{digits - 1}e}")
    if number == 0 or unit == "1":
        return f"{number:g} {unit}".removesuffix(" 1")
    power = max(-3, min(4, floor(log10(abs(number)) / 3)))
    power = min(power, 0) if unit == "s" else max(power, 0)
    scaled = number / 1000.0**power
    decimals = max(0, digits - 1 - floor(log10(abs(scaled) * (1 + 1e-12))))
    return f"{scaled:.{min(decimals, 9)}f} {_PREFIXES[power]}{' ' if power > 0 else ''}{unit}"


def _distinct(values: Iterable[Any]) -> list[Any]:
    return sorted({_identity(item): item for item in values}.values(), key=order)


def _identity(item: Any) -> Hashable:
    """Return what is equal for equal items only: 1, 1.0, True and "1" are four."""
    if item is None or isinstance(item, bool | int | float | str):
        return type(item), item
    return json.dumps(item, sort_keys=True, default=str)


def _engines(pool: Sequence[Mapping[str, Any]]) -> str:
    return " + ".join(str(pilot.get("engine", "?")) for pilot in pool) or "no pilot"


def _sizes(pool: Sequence[Mapping[str, Any]]) -> str:
    return " + ".join(f"{pilot.get('engine', '?')} {_size(pilot)}" for pilot in pool)


def _size(pilot: Mapping[str, Any]) -> str:
    cores, nodes, gpus = pilot.get("cores_per_node"), pilot.get("nodes", 1), pilot.get("gpus_per_node")
    parts = [f"{nodes} nodes x" if nodes != 1 else "", f"{cores or 'all'} cores", f"+ {gpus} GPUs" if gpus else ""]
    return " ".join(part for part in parts if part)


def _pilots(pool: Sequence[Mapping[str, Any]]) -> str:
    return " + ".join(f"{pilot.get('name') or '?'}: {pilot.get('engine', '?')} {_size(pilot)}" for pilot in pool)
