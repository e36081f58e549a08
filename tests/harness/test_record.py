"""The format of a record is written down as JSON Schema, and the schema says what the records are."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from harness.record import Record, json_schema
from tests.architecture.source import ROOT

LEAST = {
    "schema": 1,
    "key": "0" * 16,
    "campaign": "c",
    "app": "a",
    "app_version": 1,
    "params": {},
    "pool": [],
    "seed": 0,
    "repeat": 0,
    "status": "ok",
    "check": {"verdict": "pass"},
}


def test_the_schema_in_results_is_the_one_of_the_code() -> None:
    assert (ROOT / "results" / "record.schema.json").read_text("utf-8") == json_schema()


def test_the_readme_explains_every_field() -> None:
    text = (ROOT / "results" / "README.md").read_text("utf-8")
    assert [name for name in json.loads(json_schema())["properties"] if f"`{name}" not in text] == []


def test_the_names_that_scripts_rely_on_are_in_every_line() -> None:
    line = json.loads(Record.from_line(json.dumps(LEAST)).to_line())
    contract = {
        "schema",
        "key",
        "campaign",
        "app",
        "params",
        "kind",
        "status",
        "check",
        "metrics",
        "stages_s",
        "environment",
    }
    assert contract <= set(line)
    assert set(line["check"]) == {"verdict", "oracle", "value", "expected", "tolerance", "detail"}


@pytest.mark.parametrize(
    "change",
    [
        {"status": "good"},
        {"kind": "guessed"},
        {"check": {"verdict": "maybe"}},
        {"extra": 1},
        {"metrics": {"m": {"value": float("inf"), "unit": "s"}}},
        {"stages_s": {"s": float("nan")}},
    ],
    ids=str,
)
def test_what_the_format_does_not_have_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Record.from_line(json.dumps({**LEAST, **change}))
