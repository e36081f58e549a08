"""Records as a flat table: one row a repeat, one column for each parameter, metric, stage and fact.

Columns of metrics hold their unit in brackets unless the name ends in it: ``metrics.throughput [circuits/s]``.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from harness.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from harness.record import MetricRecord, Record

    from .source import Source

Row = dict[str, Any]

_FIRST: Final = ("campaign", "app", "app_version", "key", "repeat", "kind", "status", "seed", "started_at", "elapsed_s")
_TRACED: Final = ("tasks", "messages", "attempts", "run_s_sum", "run_s_median", "wait_s_median", "cpu_s_sum")
_MACHINE: Final = ("hostname", "cpu", "cores_usable")


def row(record: Record) -> Row:
    """Return one record as a flat row of numbers and texts; what is missing is left out."""
    found: Row = {name: getattr(record, name) for name in _FIRST}
    found |= _pool(record.pool)
    found |= {f"params.{name}": _cell(value) for name, value in record.params.items()}
    found |= {_column(name, metric): metric.value for name, metric in record.metrics.items()}
    found |= {f"stages.{name}_s": seconds for name, seconds in record.stages_s.items()}
    found |= {f"check.{name}": value for name, value in record.check.model_dump().items()}
    found |= {f"trace.{name}": record.trace[name] for name in _TRACED if name in record.trace}
    if record.prediction is not None:
        found |= {f"prediction.{name}": value for name, value in record.prediction.model_dump().items()}
    if record.error is not None:
        found |= {"error.type": record.error.type, "error.message": record.error.message}
    return found | _origin(record.environment)


def table(records: Iterable[Record]) -> tuple[list[str], list[Row]]:
    """Return all columns, in the order of their first appearance within each kind, and the rows."""
    rows = [row(record) for record in records]
    names = dict.fromkeys(name for found in rows for name in found)
    kinds = list(dict.fromkeys(_kind(name) for name in names))
    return sorted(names, key=lambda name: kinds.index(_kind(name))), rows


def frame(records: Iterable[Record]) -> pd.DataFrame:
    """Return the records as a pandas table with the columns of `table`."""
    import pandas as pd

    columns, rows = table(records)
    return pd.DataFrame(rows, columns=columns)


def write_csv(source: Source, target: Path) -> Sequence[Path]:
    """Write comma-separated values in UTF-8; an empty cell means that there is no value."""
    columns, rows = table(source.records)
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return [target]


def write_parquet(source: Source, target: Path) -> Sequence[Path]:
    """Write Apache Parquet; a parameter that is a number in some cases and a text in others becomes text.

    Raises
    ------
    UserError
        If neither pyarrow nor fastparquet is installed.
    """
    found = frame(source.records)
    for name in found.columns:
        values = found[name].dropna()
        if found[name].dtype == object and len({isinstance(value, str) for value in values}) > 1:
            found[name] = found[name].map(lambda value: value if value is None else str(value), na_action="ignore")
    try:
        found.to_parquet(target, index=False)
    except ImportError as error:
        raise UserError(
            "Parquet needs a library that is not installed: pip install 'qhpc-miniapps[parquet]'"
        ) from error
    return [target]


def _kind(column: str) -> str:
    """Return the first part of a column's name; the identity of a repeat has none."""
    head, dot, _ = column.partition(".")
    return head if dot else ""


def _column(name: str, metric: MetricRecord) -> str:
    plain = metric.unit == "1" or (metric.unit == "s" and name.endswith("_s")) or metric.unit == name
    return f"metrics.{name}" if plain else f"metrics.{name} [{metric.unit}]"


def _pool(pool: Sequence[Mapping[str, Any]]) -> Row:
    """Return the pilots: of several, their values joined by ``+``."""
    fields = ("name", "engine", "launcher", "nodes", "cores_per_node", "gpus_per_node")
    return {f"pool.{name}": _joined([pilot.get(name) for pilot in pool]) for name in fields}


def _joined(values: Sequence[Any]) -> Any:
    return values[0] if len(values) == 1 else "+".join("all" if value is None else str(value) for value in values)


def _cell(value: Any) -> Any:
    return json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else value


def _origin(environment: Mapping[str, Any]) -> Row:
    git, machine = (environment.get(name) or {} for name in ("git", "machine"))
    return {
        "environment.commit": git.get("commit"),
        "environment.dirty": git.get("dirty"),
        "environment.python": environment.get("python"),
        **{f"environment.{name}": machine.get(name) for name in _MACHINE},
    }
