"""Old records in today's format: one step from each version of the format to the next.

Reading migrates in memory, so that old results stay usable without a change. ``qhpc migrate`` writes the files anew,
for other programs that read them, and keeps what was there. ``tests/harness/formats`` holds a file of every version
there ever was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from .record import SCHEMA

Fields = dict[str, Any]
Step = Callable[[Fields], Fields]

STEPS: Final[dict[int, Step]] = {}
"""Version -> how its fields become those of the next version; empty as long as there is only version 1."""


class NoWay(ValueError):
    """There is no step from this version."""


def migrated(fields: Fields, *, steps: Mapping[int, Step] | None = None, to: int | None = None) -> Fields:
    """Return the fields of a record in version ``to`` (today's); those of that version come back as they are.

    Raises
    ------
    NoWay
        If the version is newer than ``to``, or nobody wrote a step from it.
    """
    table = STEPS if steps is None else steps
    end = SCHEMA if to is None else to
    version = fields.get("schema", 1)
    while version != end:
        if not isinstance(version, int) or version > end or version not in table:
            raise NoWay(f"schema {version}: no way to schema {end}")
        fields = {**table[version](fields), "schema": version + 1}
        version += 1
    return fields
