"""The record: one finished repeat of one case, as one line of strict JSON.

This module is the only definition of the format; ``results/README.md`` explains it and
``results/record.schema.json`` is generated from it. Reading accepts exactly what writing produces.
"""

from __future__ import annotations

import json
import sys
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA = 1
"""Version of the record format, stored in every record."""

Kind = Literal["measured", "projected", "published"]
Status = Literal["ok", "failed", "check_failed", "timeout", "cancelled", "unsupported"]


class _Value(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CheckRecord(_Value):
    """The app's verdict on its own answer; fields as in `miniapps.Verdict`."""

    verdict: Literal["pass", "fail", "unchecked"]
    oracle: str = ""
    value: float | None = None
    expected: float | None = None
    tolerance: float | None = None
    detail: str = ""


class MetricRecord(_Value):
    """One number with its unit and direction; ``samples`` holds every sample behind ``value``, in order."""

    value: float | int | None
    unit: str
    better: Literal["lower", "higher", "none"] = "none"
    samples: list[float | int] = Field(default_factory=list)


class ErrorRecord(_Value):
    """Why a repeat did not end well: exception type, message, and where (last frames of the traceback)."""

    type: str
    message: str
    traceback: str = ""


class PredictionRecord(_Value):
    """What a model predicted for this case before it ran."""

    model: str
    metric: str
    value: float
    low: float
    high: float
    unit: str


class Record(_Value):
    """One finished repeat of one case.

    Attributes
    ----------
    schema_version
        Version of this format; spelled ``schema`` in the file.
    key
        Identity of the case: hash of app, app version, params, pool and seed.
    campaign
        Name of the campaign.
    app, app_version, params, pool, seed
        What the key is made of, readable. ``pool`` describes the pilots that were held together.
    repeat
        0-based; warm-ups are not recorded.
    kind
        ``measured`` here; ``projected`` from a model or a virtual clock; ``published`` from the paper.
    status
        ``ok`` only if the answer check did not fail.
    metrics
        Measured numbers by name; empty unless a measurement was made.
    stages_s
        Seconds of each named stage of ``run``; they lie inside ``time_to_value_s``.
    digest
        Hash of the answers: equal digests, equal answers to the last bit.
    trace
        Summary of the task traces, see `pilot_quantum.trace.summarize`.
    environment
        What else the numbers may depend on: commit, versions, machine, threads, load; see `harness.environment`.
    started_at
        Wall-clock time of the start in UTC, ISO 8601; for people, never subtracted.
    elapsed_s
        Seconds of the whole repeat, its check included.
    """

    schema_version: int = Field(default=SCHEMA, alias="schema")
    key: str
    campaign: str
    app: str
    app_version: int
    params: dict[str, Any]
    pool: list[dict[str, Any]]
    seed: int
    repeat: int
    kind: Kind = "measured"
    status: Status
    check: CheckRecord
    metrics: dict[str, MetricRecord] = Field(default_factory=dict)
    stages_s: dict[str, float] = Field(default_factory=dict)
    digest: str = ""
    trace: dict[str, Any] = Field(default_factory=dict)
    prediction: PredictionRecord | None = None
    error: ErrorRecord | None = None
    environment: dict[str, Any] = Field(default_factory=dict)
    started_at: str = ""
    elapsed_s: float = 0.0

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True, serialize_by_alias=True
    )

    def to_line(self) -> str:
        """Return the record as one line of JSON, newline included."""
        return self.model_dump_json(by_alias=True) + "\n"

    @classmethod
    def from_line(cls, line: str | bytes) -> Record:
        """Parse one line; raises pydantic's ValidationError on anything but a complete record."""
        return cls.model_validate_json(line)


def json_schema() -> str:
    """Return the format as JSON Schema; ``results/record.schema.json`` is this text."""
    schema = Record.model_json_schema(by_alias=True)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":  # python -m harness.record > results/record.schema.json
    sys.stdout.write(json_schema())
