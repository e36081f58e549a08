"""Old records stay readable: every version of the format has a file here, and a way to today's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness import migrate, record, rewrite, store
from harness.migrate import NoWay, migrated
from harness.record import SCHEMA
from harness.store import read_records

FORMATS = Path(__file__).parent / "formats"


@pytest.mark.parametrize("version", range(1, SCHEMA + 1))
def test_a_file_of_every_version_is_read(version: int) -> None:
    found = read_records(FORMATS / f"schema-{version}.jsonl")
    assert found.damaged == []
    assert len(found.records) >= 5
    assert {one.schema_version for one in found.records} == {SCHEMA}


def test_every_version_before_todays_has_a_step() -> None:
    assert set(migrate.STEPS) == set(range(1, SCHEMA))


def test_steps_are_taken_one_after_the_other() -> None:
    steps = {1: lambda old: {**old, "a": 1}, 2: lambda old: {**old, "b": old["a"] + 1}}
    assert migrated({"schema": 1}, steps=steps, to=3) == {"schema": 3, "a": 1, "b": 2}
    assert migrated({"schema": 3, "x": 0}, steps=steps, to=3) == {"schema": 3, "x": 0}


@pytest.mark.parametrize("version", [0, 4, "1", None])
def test_a_version_without_a_way_is_named(version: Any) -> None:
    with pytest.raises(NoWay, match=f"schema {version}: no way to schema 3"):
        migrated({"schema": version}, steps={1: dict, 2: dict}, to=3)


@pytest.fixture
def tomorrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make today's format the older one: the next has another name for the campaign."""
    for module in (migrate, rewrite, store):
        monkeypatch.setattr(module, "SCHEMA", SCHEMA + 1)
    monkeypatch.setitem(migrate.STEPS, SCHEMA, lambda old: {**old, "campaign": f"was {old['campaign']}"})


def _store(tmp_path: Path) -> Path:
    file = tmp_path / "toys" / "records" / "a.jsonl"
    file.parent.mkdir(parents=True)
    file.write_bytes((FORMATS / f"schema-{SCHEMA}.jsonl").read_bytes() + b'{"torn')
    return file


@pytest.mark.usefixtures("tomorrow")
def test_older_records_are_migrated_when_they_are_read(tmp_path: Path) -> None:
    found = read_records(_store(tmp_path))
    assert [one.reason for one in found.damaged] == ["unfinished: no newline at the end of the file"]
    assert all(one.campaign.startswith("was ") for one in found.records)


@pytest.mark.usefixtures("tomorrow")
def test_rewriting_keeps_what_was_there_and_every_other_line(tmp_path: Path) -> None:
    file = _store(tmp_path)
    before = file.read_bytes()
    (done,) = rewrite.rewrite(tmp_path)
    assert (done.file, done.records) == (file, before.count(b"\n"))
    assert done.kept.read_bytes() == before
    after = file.read_bytes().splitlines()
    assert after[-1] == b'{"torn'
    assert {json.loads(line)["schema"] for line in after[:-1]} == {SCHEMA + 1}
    assert rewrite.rewrite(tmp_path) == []
    assert [one.name for one in store.record_files(tmp_path)] == ["a.jsonl"]


def test_the_command_says_that_there_is_nothing_to_do(qhpc: Any, tmp_path: Path) -> None:
    file = _store(tmp_path)
    before = file.read_bytes()
    done = qhpc("migrate", tmp_path)
    assert (done.code, done.err) == (0, f"nothing to do: all records are of schema {SCHEMA}\n")
    assert file.read_bytes() == before
    assert record.SCHEMA == SCHEMA
