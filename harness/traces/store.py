"""Trace files: one for each traced repeat, written whole, named by its record.

A file is JSON Lines, compressed with gzip: a header, then blocks of columns, then a line that says how many slices
there were. It gets its name only when it is complete and on the disk, before the record that points to it is written.
So a process that is killed leaves a complete file, or a ``.tmp`` that nobody reads, and no record points to nothing.
``results/README.md`` describes the format.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from harness.store import TRACES, StoreError
from pilot_quantum import PilotTrace, StageTrace

from .timeline import Routed, Slice, Timeline

FORMAT: Final = 2
"""Version of the format, in the header of every file; 2 added ``routing``."""
_READS: Final = (1, 2)
_SUFFIX: Final = ".jsonl.gz"
_BLOCK: Final = 5_000
_NS: Final = 1e9
_TEXTS: Final = ("name", "function", "state", "pilot", "host", "reason", "error")
_TIMES: Final = ("submitted", "bound", "dispatched", "started", "ended", "returned", "stopped", "run", "wait", "cpu")
_COLUMNS: Final = tuple(field.name for field in fields(Slice))
_ROUTED: Final = tuple(field.name for field in fields(Routed))


@dataclass(frozen=True, slots=True)
class TraceFile:
    """A trace file by its name: ``<key>-<repeat>-<time>.jsonl.gz``.

    Attributes
    ----------
    path
        The file.
    key, repeat
        Which repeat of which case.
    written_at
        UTC, ``YYYYMMDDTHHMMSS.ffffffZ``; several files of one repeat are several tries.
    """

    path: Path
    key: str
    repeat: int
    written_at: str


def trace_name(key: str, repeat: int) -> str:
    """Return a name for the trace file of a repeat that no other try of it has."""
    return f"{key}-{repeat}-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}{_SUFFIX}"


def find_traces(directory: Path | str) -> list[TraceFile]:
    """Return the trace files at or below a directory, or one file, oldest first.

    Raises
    ------
    StoreError
        If it does not exist.
    """
    directory = Path(directory)
    if not directory.exists():
        raise StoreError(f"{directory}: no such results directory or trace file")
    paths = [directory] if directory.is_file() else directory.rglob(f"*{_SUFFIX}")
    found = []
    for path in paths:
        parts = path.name.removesuffix(_SUFFIX).split("-")
        if path.parent.name == TRACES and len(parts) == 3 and parts[1].isdigit():
            found.append(TraceFile(path, parts[0], int(parts[1]), parts[2]))
    return sorted(found, key=lambda file: (file.written_at, file.path))


def write_timeline(timeline: Timeline, path: Path | str) -> Path:
    """Write a timeline so that the name appears only with the complete file, on the disk.

    Raises
    ------
    OSError
        If it could not be written; nothing is left of it then.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with scratch.open("xb") as raw:
            with gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as stream:
                for line in _lines(timeline):
                    stream.write(json.dumps(line, separators=(",", ":"), allow_nan=False).encode() + b"\n")
            raw.flush()
            os.fsync(raw.fileno())
        scratch.replace(path)
    except BaseException:
        with suppress(OSError):
            scratch.unlink()
        raise
    return path


def read_timeline(path: Path | str) -> Timeline:
    """Read a trace file.

    Raises
    ------
    StoreError
        If it cannot be read, is cut short, or has a newer format.
    """
    try:
        with gzip.open(path, "rb") as stream:
            return _timeline(json.loads(line) for line in stream)
    except (OSError, EOFError, zlib.error, ValueError, LookupError, TypeError) as error:
        raise StoreError(f"{path}: not a complete trace file: {error}") from error


def _lines(timeline: Timeline) -> Iterator[dict[str, Any]]:
    texts: dict[str | None, int] = {None: 0}
    blocks = [_block(timeline.slices[at : at + _BLOCK], texts) for at in range(0, len(timeline.slices), _BLOCK)]
    header = {
        f.name: getattr(timeline, f.name)
        for f in fields(timeline)
        if f.name not in ("slices", "pilots", "stages", "routing")
    }
    header |= {"pilots": [asdict(p) for p in timeline.pilots], "stages": [asdict(s) for s in timeline.stages]}
    header["routing"] = {name: [getattr(row, name) for row in timeline.routing] for name in _ROUTED}
    yield {"format": FORMAT, **header, "texts": list(texts)}
    yield from blocks
    yield {"slices": len(timeline.slices)}


def _block(slices: tuple[Slice, ...], texts: dict[str | None, int]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {}
    for name in _COLUMNS:
        values = [getattr(one, name) for one in slices]
        if name in _TEXTS:
            columns[name] = [texts.setdefault(value, len(texts)) for value in values]
        elif _stem(name) in _TIMES:
            columns[_stem(name) + "_ns"] = [None if value is None else round(value * _NS) for value in values]
        else:
            columns[name] = values
    return columns


def _stem(name: str) -> str:
    return name.removesuffix("_s") if name.endswith("_s") else ""


def _timeline(lines: Iterator[dict[str, Any]]) -> Timeline:
    header = next(lines, {})
    if header.get("format") not in _READS:
        raise ValueError(f"format {header.get('format')}; this version of the harness reads 1 to {FORMAT}")
    texts: list[str | None] = header.pop("texts")
    slices: list[Slice] = []
    count = None
    for line in lines:
        if "task" in line:
            slices.extend(_slices(line, texts))
        else:
            count = line["slices"]
    if count != len(slices):
        raise ValueError(f"{len(slices)} slices, {'no end' if count is None else f'{count} were written'}")
    del header["format"]
    header["pilots"] = tuple(PilotTrace(**pilot) for pilot in header["pilots"])
    header["stages"] = tuple(StageTrace(**stage) for stage in header["stages"])
    routing = header.get("routing") or {name: [] for name in _ROUTED}
    header["routing"] = tuple(Routed(*row) for row in zip(*(routing[name] for name in _ROUTED), strict=True))
    return Timeline(**header, slices=tuple(slices))


def _slices(block: dict[str, list[Any]], texts: list[str | None]) -> Iterator[Slice]:
    columns = []
    for name in _COLUMNS:
        if name in _TEXTS:
            columns.append([texts[number] for number in block[name]])
        elif _stem(name) in _TIMES:
            columns.append([None if value is None else value / _NS for value in block[_stem(name) + "_ns"]])
        else:
            columns.append(block[name])
    return (Slice(*values) for values in zip(*columns, strict=True))
