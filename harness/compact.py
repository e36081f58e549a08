"""Many records in little memory: what is equal in two of them is kept once.

A hundred thousand records of one machine hold a hundred thousand times the same packages, parameters and pilots: 20
kB each as separate objects, a few kB when shared. So the tables of a record that was read are not to be changed in
place.
"""

from __future__ import annotations

import gc
import marshal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, final

from .record import CheckRecord, MetricRecord, Record

_WHOLE: Final = ("params", "pool")
_PARTS: Final = ("environment", "trace")
_FORMAT: Final = 2
"""Of marshal: equal values give equal bytes (later formats depend on who else holds them)."""


@final
class Sharing:
    """Makes records share their equal parts; one instance for all records that are read together."""

    def __init__(self) -> None:
        self._kept: dict[bytes, Any] = {}
        self._fields: dict[type, set[str]] = {
            kind: set(kind.model_fields) for kind in (Record, CheckRecord, MetricRecord)
        }
        self._none: list[float | int] = []

    def add(self, record: Record) -> Record:
        """Return the same record, holding shared parts."""
        values = record.__dict__
        for name in _WHOLE:
            values[name] = self._one(values[name])
        for name in _PARTS:
            values[name] = {key: self._one(part) for key, part in values[name].items()}
        for metric in record.metrics.values():
            if not metric.samples:
                metric.__dict__["samples"] = self._none
            self._trim(metric)
        self._trim(record.check)
        self._trim(record)
        return record

    def _one(self, part: Any) -> Any:
        """Return the first part that was equal to this one; numbers and texts are left alone."""
        if not isinstance(part, dict | list):
            return part
        return self._kept.setdefault(marshal.dumps(part, _FORMAT), part)

    def _trim(self, value: Record | CheckRecord | MetricRecord) -> None:
        """Replace pydantic's own set of the names that were given, which is larger than many a record's numbers."""
        object.__setattr__(value, "__pydantic_fields_set__", self._fields[type(value)])


@contextmanager
def collector_off() -> Iterator[None]:
    """Keep Python's cyclic collector from looking at a growing number of records again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
