"""Sharing equal parts changes nothing but memory."""

from __future__ import annotations

from pathlib import Path

from harness.compact import Sharing
from harness.record import Record
from harness.store import read_records

LINES = (Path(__file__).parent / "formats" / "schema-1.jsonl").read_bytes().splitlines(keepends=True)


def test_records_say_the_same_as_before() -> None:
    sharing = Sharing()
    for line in [*LINES, *LINES]:
        shared, alone = sharing.add(Record.from_line(line)), Record.from_line(line)
        assert shared == alone
        assert shared.to_line() == alone.to_line()
        assert shared.model_copy(update={"repeat": 99}).repeat == 99


def test_equal_parts_of_two_records_are_one_object(tmp_path: Path) -> None:
    file = tmp_path / "twice.jsonl"
    file.write_bytes(LINES[0] + LINES[0])
    first, second = read_records(file).records
    assert first.params is second.params
    assert first.pool is second.pool
    assert first.environment["packages"] is second.environment["packages"]


def test_values_that_only_look_alike_stay_apart() -> None:
    sharing, parts = Sharing(), ({"n": 1}, {"n": 1.0}, {"n": True})
    base = Record.from_line(LINES[0])
    kept = [sharing.add(base.model_copy(update={"params": dict(part)})).params for part in parts]
    assert [type(one["n"]) for one in kept] == [int, float, bool]
