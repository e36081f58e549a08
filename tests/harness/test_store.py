"""The store: what is written is read back, and a crash at any byte loses nothing that was finished."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.record import CheckRecord, ErrorRecord, MetricRecord, PredictionRecord, Record
from harness.store import RecordWriter, StoreError, read_records, record_files, run_lock, set_aside, settled

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)  # JSON in UTF-8 has no half surrogates
NUMBER = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
FLOAT = st.floats(allow_nan=False, allow_infinity=False)
RECORDS = st.builds(
    Record,
    key=TEXT,
    campaign=TEXT,
    app=TEXT,
    app_version=st.integers(0, 99),
    params=st.dictionaries(TEXT, JSON, max_size=4),
    pool=st.lists(st.dictionaries(TEXT, JSON, max_size=3), max_size=2),
    seed=st.integers(0, 2**63 - 1),
    repeat=st.integers(0, 99),
    kind=st.sampled_from(["measured", "projected", "published"]),
    status=st.sampled_from(["ok", "failed", "check_failed", "timeout", "cancelled", "unsupported"]),
    check=st.builds(
        CheckRecord, verdict=st.sampled_from(["pass", "fail", "unchecked"]), value=st.none() | FLOAT, detail=TEXT
    ),
    metrics=st.dictionaries(
        TEXT, st.builds(MetricRecord, value=st.none() | NUMBER, unit=TEXT, samples=st.lists(NUMBER)), max_size=2
    ),
    stages_s=st.dictionaries(TEXT, FLOAT, max_size=2),
    trace=st.dictionaries(TEXT, JSON, max_size=2),
    prediction=st.none() | st.builds(PredictionRecord, model=TEXT, value=FLOAT, low=FLOAT, high=FLOAT),
    error=st.none() | st.builds(ErrorRecord, type=TEXT, message=TEXT),
    environment=st.dictionaries(TEXT, JSON, max_size=2),
)


def make(repeat: int = 0, status: str = "ok", key: str = "k" * 16) -> Record:
    return Record(
        key=key,
        campaign="c",
        app="toy",
        app_version=1,
        params={"n": 1, "text": "line\nbreak\u2028"},
        pool=[{"engine": "inline"}],
        seed=1,
        repeat=repeat,
        status=status,  # type: ignore[arg-type]  # a plain str is shorter in a test
        check=CheckRecord(verdict="pass"),
    )


def write(directory: Path, *records: Record) -> Path:
    with RecordWriter(directory) as writer:
        for record in records:
            writer.append(record)
    assert writer.file is not None
    return writer.file


@given(RECORDS)
def test_a_record_is_one_line_and_comes_back_as_it_was(record: Record) -> None:
    line = record.to_line()
    assert line.endswith("\n")
    assert line.encode().count(b"\n") == 1
    assert Record.from_line(line) == record
    assert Record.from_line(line).to_line() == line


def test_records_come_back_in_order_from_every_writer(tmp_path: Path) -> None:
    first, second = write(tmp_path, make(0), make(1)), write(tmp_path, make(2))
    assert first != second
    assert sorted(r.repeat for r in read_records(tmp_path).records) == [0, 1, 2]
    assert [r.repeat for r in read_records(first).records] == [0, 1]
    assert read_records(tmp_path).damaged == []


def test_only_files_below_records_are_read(tmp_path: Path) -> None:
    file = write(tmp_path / "one", make())
    (tmp_path / "notes.jsonl").write_text("not mine\n")
    assert record_files(tmp_path) == [file]


def test_a_missing_directory_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nowhere"):
        read_records(tmp_path / "nowhere")


def test_a_writer_creates_its_file_with_the_first_record(tmp_path: Path) -> None:
    with RecordWriter(tmp_path / "c") as writer:
        assert writer.file is None
    assert not (tmp_path / "c").exists()


def test_a_last_line_torn_at_any_byte_is_set_aside_and_never_read(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole", make(0), make(1)).read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first, len(whole)):
        directory = tmp_path / str(cut)
        file = directory / "records" / "w.jsonl"
        file.parent.mkdir(parents=True)
        file.write_bytes(whole[:cut])
        found = read_records(directory)
        assert [r.repeat for r in found.records] == [0]
        assert len(found.damaged) == (0 if cut == first else 1)
        torn = set_aside(directory)
        assert [(line.line_number, line.torn) for line in torn] == ([] if cut == first else [(2, True)])
        assert file.read_bytes() == whole[:first]
        if torn:
            assert file.with_name("w.jsonl.damaged").read_bytes() == whole[first:cut] + b"\n"
        assert read_records(directory).damaged == []
        assert set_aside(directory) == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"\x00\x00\x00\x00\n", "not a record"),
        (b"\xff\xfe{}\n", "not a record"),
        (b"\n", "not a record"),
        (b'{"schema": 1}\n', "key"),
        (b"[1, 2]\n", "not a record"),
        (make().to_line().replace('"schema":1', '"schema":2').encode(), "schema 2 is newer"),
        (b'{"schema": 7, "new": true}\n', "schema 7 is newer"),
        (make().to_line().replace('"repeat":0', '"repeat":NaN').encode(), "repeat"),
        (make().to_line().replace('"seed":1', '"seed":1,"more":2').encode(), "more"),
    ],
)
def test_a_line_that_is_no_record_is_told_with_its_place_and_read_around(
    tmp_path: Path, line: bytes, reason: str
) -> None:
    file = write(tmp_path, make(0))
    good = file.read_bytes()
    file.write_bytes(line + good)
    found = read_records(tmp_path)
    assert [r.repeat for r in found.records] == [0]
    assert [(d.file, d.line_number) for d in found.damaged] == [(file, 1)]
    assert reason in found.damaged[0].reason


def test_a_complete_line_that_cannot_be_read_stays_where_it_is(tmp_path: Path) -> None:
    file = write(tmp_path, make(0))
    newer = make().to_line().replace('"schema":1', '"schema":2').encode()
    file.write_bytes(newer + file.read_bytes())
    before = file.read_bytes()
    assert set_aside(tmp_path) == []
    assert file.read_bytes() == before


def test_the_unfinished_line_of_a_living_writer_is_left_alone(tmp_path: Path) -> None:
    with RecordWriter(tmp_path) as writer:
        writer.append(make(0))
        assert writer.file is not None
        with writer.file.open("ab") as stream:
            stream.write(b'{"schema":1')
        assert set_aside(tmp_path) == []
    assert len(set_aside(tmp_path)) == 1


def test_a_new_writer_never_continues_a_broken_line(tmp_path: Path) -> None:
    file = write(tmp_path, make(0))
    with file.open("ab") as stream:
        stream.write(b'{"schema":1,"key"')
    write(tmp_path, make(1))
    found = read_records(tmp_path)
    assert sorted(r.repeat for r in found.records) == [0, 1]
    assert len(found.damaged) == 1


def test_a_full_disk_leaves_whole_lines_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write

    def half(handle: int, data: bytes) -> int:
        real(handle, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with RecordWriter(tmp_path) as writer:
        writer.append(make(0))
        monkeypatch.setattr(os, "write", half)
        with pytest.raises(StoreError, match="No space left"):
            writer.append(make(1))
        monkeypatch.undo()
        writer.append(make(2))
    found = read_records(tmp_path)
    assert sorted(r.repeat for r in found.records) == [0, 2]
    assert found.damaged == []


def test_one_run_at_a_time_holds_a_directory(tmp_path: Path) -> None:
    with (
        run_lock(tmp_path),
        pytest.raises(StoreError, match=rf"in use by another run \(pid {os.getpid()}"),
        run_lock(tmp_path),
    ):
        pass
    with run_lock(tmp_path):
        pass


def test_the_record_that_counts_is_the_ok_one_else_the_last() -> None:
    failed, good, later = make(0, "failed"), make(0), make(0, "timeout")
    assert settled([failed, good, later]) == {(good.key, 0): good}
    assert settled([failed, later]) == {(good.key, 0): later}


def test_shards_hold_a_directory_together_and_a_run_alone(tmp_path: Path) -> None:
    with (
        run_lock(tmp_path, shared=True),
        run_lock(tmp_path, shared=True),
        pytest.raises(StoreError, match="in use by another run"),
        run_lock(tmp_path),
    ):
        pass
    with run_lock(tmp_path), pytest.raises(StoreError), run_lock(tmp_path, shared=True):
        pass


def test_a_file_system_without_locks_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some NFS: a run goes on, records are written, and a file whose writer may live is left alone."""

    def no_locks(handle: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    with run_lock(tmp_path), RecordWriter(tmp_path) as writer:
        writer.append(make(0))
        assert writer.file is not None
        with writer.file.open("ab") as file:
            file.write(b'{"torn')
    assert set_aside(tmp_path) == []
    assert [record.repeat for record in read_records(tmp_path).records] == [0]
