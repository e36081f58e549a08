"""Record files of an older format, written anew: the one place where recorded lines are replaced."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic_core import from_json

from .migrate import migrated
from .record import SCHEMA, Record
from .store import record_files


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A file that was of an older format: its name, where it is kept as it was, and how many records were older."""

    file: Path
    kept: Path
    records: int


def rewrite(place: Path) -> list[Rewritten]:
    """Write every older record at or below ``place`` in today's format; lines that are no records stay as they are.

    Raises
    ------
    harness.store.StoreError
        If there is no such place.
    harness.migrate.NoWay
        If there is no step from a record's version.
    """
    return [done for file in record_files(place) if (done := _rewritten(file)) is not None]


def _rewritten(file: Path) -> Rewritten | None:
    before = file.read_bytes().splitlines(keepends=True)
    versions = [_version(line) for line in before]
    older = [version for version in versions if version is not None and version < SCHEMA]
    if not older:
        return None
    after = [_line(line, version) for line, version in zip(before, versions, strict=True)]
    kept = file.with_name(f"{file.name}.schema-{min(older)}")
    os.link(file, kept)
    scratch = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    with scratch.open("wb") as stream:
        stream.writelines(after)
        stream.flush()
        os.fsync(stream.fileno())
    scratch.replace(file)
    return Rewritten(file, kept, len(older))


def _version(line: bytes) -> int | None:
    """Return the version of a complete line; None for anything else."""
    try:
        value = from_json(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    version = value.get("schema") if isinstance(value, dict) else None
    return version if isinstance(version, int) else None


def _line(line: bytes, version: int | None) -> bytes:
    if version is None or version >= SCHEMA:
        return line
    return Record.model_validate(migrated(from_json(line))).to_line().encode()
