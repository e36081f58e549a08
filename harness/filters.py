"""Choosing records by what they say: ``commit=1a2b3c``, ``machine=login1``, ``engine=ray``, ``n_qubits=12``.

A key names a field of the record, a parameter, a pilot's field, or a value of the environment, by its dotted path or by
its last part. Commits and case keys may be shortened to a prefix, everything else must be equal.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from .errors import UserError
from .store import settled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .record import Record

_FIELDS = ("key", "campaign", "app", "app_version", "seed", "repeat", "kind", "status")
_BY_PREFIX = frozenset({"key", "commit"})
_PREFIX_LENGTH = 4
_OTHER_NAMES = {"machine": "hostname"}


class FilterError(UserError):
    """A filter cannot be read, or names nothing that the records have."""


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition.

    Attributes
    ----------
    key
        Dotted path, or its last part.
    value
        What the value must be, as text.
    """

    key: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Filter:
        """Read ``KEY=VALUE``.

        Raises
        ------
        FilterError
            If it has another form.
        """
        key, equals, value = text.partition("=")
        if not (key.strip() and equals and value.strip()):
            raise FilterError(f"filter {text!r}: must have the form KEY=VALUE, for example commit=1a2b3c")
        return cls(_OTHER_NAMES.get(key.strip(), key.strip()), value.strip())

    def matches(self, facts: Iterable[tuple[str, str]]) -> bool:
        """Tell whether any fact of this name has the value; facts are dotted names with their values as text."""
        found = (value for name, value in facts if name == self.key or name.endswith(f".{self.key}"))
        return any(self._equal(value) for value in found)

    def _equal(self, value: str) -> bool:
        if self.key.rpartition(".")[2] in _BY_PREFIX and len(self.value) >= _PREFIX_LENGTH:
            return value.startswith(self.value)
        return value == self.value


def select(records: Iterable[Record], filters: Sequence[Filter]) -> list[Record]:
    """Return the records that meet all filters, in order.

    Raises
    ------
    FilterError
        If no record has anything of a filter's name; the message offers the nearest names.
    """
    rows = list(records)
    if not filters or not rows:
        return rows
    known = _Known(filters)
    found = [record for record in rows if known.meets(record)]
    _refuse_unknown(filters, known.names)
    return found


class _Known:
    """What filters say of parts of records; parts that records share are looked at once."""

    def __init__(self, filters: Sequence[Filter]) -> None:
        self._filters = filters
        self._said: dict[tuple[str, int], tuple[bool, ...]] = {}
        self.names: set[str] = set()

    def meets(self, record: Record) -> bool:
        said = [self._of(prefix, part) for prefix, part in _parts(record)]
        return all(any(answers) for answers in zip(*said, strict=True))

    def _of(self, prefix: str, part: Any) -> tuple[bool, ...]:
        place = (prefix, id(part))
        if not isinstance(part, dict | list) or place not in self._said:
            facts = list(_flatten(prefix, part))
            self.names.update(name for name, _ in facts)
            self._said[place] = tuple(one.matches(facts) for one in self._filters)
        return self._said[place]


def _parts(record: Record) -> Iterator[tuple[str, Any]]:
    yield from ((name, getattr(record, name)) for name in _FIELDS)
    yield "params", record.params
    yield from ((f"pool.{number}", pilot) for number, pilot in enumerate(record.pool))
    yield from ((f"environment.{name}", part) for name, part in record.environment.items())


def counting(records: Iterable[Record]) -> list[Record]:
    """Return the records that count: one per campaign, kind, case and repeat, the first that is ok, else the last."""
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        groups[record.campaign, record.kind].append(record)
    return [record for group in groups.values() for record in settled(group).values()]


def _refuse_unknown(filters: Sequence[Filter], names: set[str]) -> None:
    usable = sorted(names | {name.rpartition(".")[2] for name in names})
    for wanted in filters:
        if wanted.key not in usable:
            near = get_close_matches(wanted.key, usable, n=5, cutoff=0.5) or list(_FIELDS)
            raise FilterError(f"filter {wanted.key!r}: no record has it; near: {', '.join(near)}")


def _flatten(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flatten(f"{prefix}.{name}", inner)
    elif value is not None:
        yield prefix, str(value)
