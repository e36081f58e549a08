"""The store: records on disk, one line each, that survive a crash at any byte.

Layout of one campaign's results::

    RESULTS/<campaign>/campaign.toml            the campaign as it was run last
    RESULTS/<campaign>/records/<writer>.jsonl   one file per writing process, one record a line
    RESULTS/<campaign>/records/<writer>.jsonl.damaged   torn lines that were set aside
    RESULTS/<campaign>/traces/                  task traces of repeats, see ``harness.traces.store``
    RESULTS/<campaign>/figures/                 what ``qhpc report`` draws

Three rules keep it sound. A writer only ever appends to a file that it created itself, so it can never continue
somebody's broken line. The newline is the commit mark: a line without one was not finished and is no data. A writer
holds a lock on its file as long as it lives, so that an unfinished line of a living writer is not taken for damage.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self, final

from pydantic import ValidationError
from pydantic_core import from_json

from .compact import Sharing, collector_off
from .errors import Exit, UserError
from .migrate import NoWay, migrated
from .record import SCHEMA, Record

RECORDS = "records"
"""Name of the directory that holds the record files of a campaign."""
TRACES = "traces"
"""Name of the directory that holds the trace files of a campaign."""


class StoreError(UserError):
    """The results directory cannot be used; the message says which path and why."""


class WriteFailed(StoreError):
    """A record could not be written whole; what was measured last is lost."""

    code = Exit.INTERNAL


@dataclass(frozen=True, slots=True)
class DamagedLine:
    """A line that is not a record.

    Attributes
    ----------
    file
        The record file.
    line_number
        1-based.
    reason
        What is wrong with it, for a person.
    torn
        True for a line that is no complete JSON text (a crash, a full disk): `set_aside` removes it. False for a
        complete line that this version cannot read: it stays where it is.
    """

    file: Path
    line_number: int
    reason: str
    torn: bool = True


@dataclass(frozen=True, slots=True)
class RecordSet:
    """What a results directory holds: records in file and line order, and the lines that are none."""

    records: list[Record] = field(default_factory=list)
    damaged: list[DamagedLine] = field(default_factory=list)


def read_records(path: Path | str) -> RecordSet:
    """Read all records below a results directory (every ``records/*.jsonl``), or of one ``.jsonl`` file.

    Raises
    ------
    StoreError
        If ``path`` does not exist or cannot be read. A damaged line is no error: it is listed in the result.

    Notes
    -----
    Records share equal parameters, pilots and facts of the environment (see `harness.compact`): change none in place.
    """
    found, sharing = RecordSet(), Sharing()
    with collector_off():
        for file in record_files(path):
            for line_number, line in _lines(file):
                result = _parse(line)
                if isinstance(result, Record):
                    found.records.append(sharing.add(result))
                else:
                    reason, torn = result
                    found.damaged.append(DamagedLine(file, line_number, reason, torn))
    return found


def record_files(path: Path | str) -> list[Path]:
    """Return the record files at or below ``path``, sorted by name.

    Raises
    ------
    StoreError
        If ``path`` does not exist.
    """
    path = Path(path)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise StoreError(f"{path}: no such results directory or record file")
    return sorted(file for file in path.rglob("*.jsonl") if file.parent.name == RECORDS)


def settled(records: Iterable[Record]) -> dict[tuple[str, int], Record]:
    """Return the record that counts for each ``(key, repeat)``: the first that is ok, else the last one."""
    chosen: dict[tuple[str, int], Record] = {}
    for record in records:
        place = (record.key, record.repeat)
        if place not in chosen or chosen[place].status != "ok":
            chosen[place] = record
    return chosen


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with file.open("rb") as stream:
            yield from enumerate(stream, start=1)
    except OSError as error:
        raise StoreError(f"{file}: {error.strerror}") from error


def _parse(line: bytes) -> Record | tuple[str, bool]:
    if not line.endswith(b"\n"):
        return "unfinished: no newline at the end of the file", True
    try:
        return _validated(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        torn = first["type"] == "json_invalid"
        place = ".".join(str(part) for part in first["loc"])
        return f"not a record: {place + ': ' if place else ''}{first['msg']}", torn


def _validated(line: bytes) -> Record | tuple[str, bool]:
    try:
        record = Record.from_line(line)
    except ValidationError:
        version = _schema_of(line)
        if version is not None and version > SCHEMA:
            return _too_new(version), False
        if version is None or version == SCHEMA:
            raise
        return _older(line)
    if record.schema_version > SCHEMA:
        return _too_new(record.schema_version), False
    return record if record.schema_version == SCHEMA else _older(line)


def _older(line: bytes) -> Record | tuple[str, bool]:
    """Read a line of an older version of the format."""
    try:
        return Record.model_validate(migrated(from_json(line)))
    except NoWay as error:
        return str(error), False


def _too_new(version: int) -> str:
    return f"schema {version} is newer than this version of the harness reads ({SCHEMA})"


def _schema_of(line: bytes) -> int | None:
    with suppress(ValueError):
        value = from_json(line)
        version = value.get("schema") if isinstance(value, dict) else None
        return version if isinstance(version, int) else None
    return None


# ---------------------------------------------------------------- setting damage aside


def set_aside(path: Path | str) -> list[DamagedLine]:
    """Move torn lines of finished writers to ``<file>.damaged`` and return them.

    A file whose writer still lives is left alone, and so is a complete line that this version cannot read. The
    torn bytes are safe in ``.damaged`` before the record file is replaced, so a crash in between loses nothing.
    """
    return [line for file in record_files(path) for line in _mend(file)]


def _mend(file: Path) -> list[DamagedLine]:
    with file.open("r+b") as stream:
        if not _lock(stream.fileno()):
            return []
        good, torn, bad = bytearray(), [], bytearray()
        for number, line in enumerate(stream, start=1):
            result = _parse(line)
            if isinstance(result, Record) or not result[1]:
                good += line
            else:
                torn.append(DamagedLine(file, number, result[0]))
                bad += line if line.endswith(b"\n") else line + b"\n"
        if torn:
            _write_durably(file.with_name(file.name + ".damaged"), bytes(bad), append=True)
            _replace_durably(file, bytes(good))
        return torn


def remove_scratch(directory: Path) -> None:
    """Remove what a killed process has left of trace files that it could not finish; nobody reads those."""
    for file in directory.glob(".*.tmp"):
        with suppress(OSError):
            file.unlink()


def _write_durably(file: Path, data: bytes, *, append: bool = False) -> None:
    with file.open("ab" if append else "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _replace_durably(file: Path, data: bytes) -> None:
    scratch = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    _write_durably(scratch, data)
    scratch.replace(file)
    _sync_directory(file.parent)


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _lock(handle: int, *, shared: bool = False, unsupported: bool = False) -> bool:
    """Lock a file if nobody else holds it; return ``unsupported`` where the file system has no locks, as some NFS."""
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        return unsupported and error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True


# ---------------------------------------------------------------- writing


@final
class RecordWriter:
    """Appends records to a file of its own, durably: when `append` returns, a power failure cannot take the line.

    Parameters
    ----------
    directory
        The campaign's directory; the file is created in its ``records/`` with the first record, under the name
        ``<host>-<pid>-<start in UTC>.jsonl``.

    Attributes
    ----------
    file
        The record file, or None before the first record.
    """

    def __init__(self, directory: Path | str) -> None:
        self._directory = Path(directory) / RECORDS
        self._handle: int | None = None
        self.file: Path | None = None

    def append(self, record: Record) -> None:
        """Write one record as one line and wait until it is on the disk.

        Raises
        ------
        WriteFailed
            If it could not be written whole; what was written of it has been cut off again where possible, and
            the writer takes no more records.
        """
        line = record.to_line().encode()
        try:
            handle = self._open()
            size = os.fstat(handle).st_size
            self._write(handle, line, size)
        except OSError as error:
            self.close()
            raise WriteFailed(f"cannot write {self.file or self._directory}: {error.strerror}") from error

    def close(self) -> None:
        """Release the file; a writer that was closed opens a new file with the next record."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        """Return the writer."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    @staticmethod
    def _write(handle: int, line: bytes, size: int) -> None:
        try:
            if os.write(handle, line) != len(line):
                raise OSError(None, "the disk took only a part of the line")
            os.fsync(handle)
        except OSError:
            with suppress(OSError):
                os.ftruncate(handle, size)
            raise

    def _open(self) -> int:
        if self._handle is None:
            self._directory.mkdir(parents=True, exist_ok=True)
            self.file, self._handle = _new_file(self._directory)
            _lock(self._handle)
            _sync_directory(self._directory)
        return self._handle


def _new_file(directory: Path) -> tuple[Path, int]:
    """Create a file that nobody else writes to, on whatever host: the file system refuses a name that is taken."""
    start = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    stem = f"{socket.gethostname().split('.')[0]}-{os.getpid()}-{start}"
    for suffix in ("", *(f"-{number}" for number in range(1, 1000))):
        with suppress(FileExistsError):
            path = directory / f"{stem}{suffix}.jsonl"
            return path, os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o644)
    raise FileExistsError(errno.EEXIST, "a thousand files of that name are there", str(directory / stem))


# ---------------------------------------------------------------- one run at a time


@contextmanager
def run_lock(directory: Path | str, *, shared: bool = False) -> Iterator[None]:
    """Hold a campaign's directory for one run, made if need be; a killed run lets go by itself.

    Parameters
    ----------
    directory
        The campaign's results.
    shared
        Hold it together with others that do the same: shards, which run on nodes of their own.

    Raises
    ------
    StoreError
        If it cannot be made, or another run holds it: two runs would measure each other.
    """
    path = Path(directory) / ".lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StoreError(f"{directory}: cannot keep results there: {error.strerror}") from error
    try:
        if not _lock(handle, shared=shared, unsupported=True):
            holder = os.read(handle, 200).decode(errors="replace").strip() or "unknown"
            raise StoreError(f"{directory} is in use by another run ({holder}); wait for it, or use another --results")
        os.ftruncate(handle, 0)
        what = "shards of a submission, among them " if shared else ""
        os.write(handle, f"{what}pid {os.getpid()} on {socket.gethostname()}\n".encode())
        yield
    finally:
        os.close(handle)
