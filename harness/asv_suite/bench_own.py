"""What the harness itself costs: recording, planning, tracing, fitting. asv times these, with statistics."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from .doors import attributes

_CAMPAIGN = {
    "name": "suite",
    "pilots": [{"name": "one", "engine": "inline"}, {"name": "two", "engine": "processes", "cores_per_node": 2}],
    "apps": [{"name": "dispatch", "params": {"n_tasks": list(range(1, 201))}}],
}
_TASKS = 4096


def _record() -> dict[str, Any]:
    """Return a record as plain values, of the size that records of this machine have."""
    metrics = {f"metric_{n}": {"value": 0.1 * n, "unit": "s", "better": "lower", "samples": []} for n in range(8)}
    return {
        "schema": 1,
        "key": "0123456789abcdef",
        "campaign": "suite",
        "app": "dispatch",
        "app_version": 1,
        "params": {"task": "noop", "n_tasks": 256, "submit": "many", "collect": "results"},
        "pool": [{"name": "two", "engine": "processes", "launcher": "local", "nodes": 1, "cores_per_node": 2}],
        "seed": 1,
        "repeat": 0,
        "kind": "measured",
        "status": "ok",
        "check": {
            "verdict": "pass",
            "oracle": "counted",
            "value": 0.0,
            "expected": 0.0,
            "tolerance": 0.0,
            "detail": "",
        },
        "metrics": metrics,
        "stages_s": {"submit": 0.1, "collect": 0.2},
        "digest": "0" * 64,
        "trace": {"tasks": 256, "messages": 4.0, "attempts": 256, "states": {"done": 256}},
        "environment": {"packages": {f"package-{n}": "1.2.3" for n in range(20)}},
        "started_at": "2026-01-01T00:00:00.000+00:00",
        "elapsed_s": 0.5,
    }


class Records:
    version = "1"

    def setup(self) -> None:
        (record,) = attributes("harness.record", "Record")
        self.read = record.from_line
        self.line = json.dumps(_record()) + "\n"
        self.record = self.read(self.line)

    def time_write(self) -> None:
        self.record.to_line()

    def time_read(self) -> None:
        self.read(self.line)


class Plan:
    """A campaign of 400 cases."""

    version = "1"

    def setup(self) -> None:
        (parse,) = attributes("harness.spec", "parse_campaign")
        (self.expand,) = attributes("harness.cases", "expand")
        self.campaign = parse(_CAMPAIGN)

    def time_expand(self) -> None:
        for case in self.expand(self.campaign).cases:
            case.key  # noqa: B018 - the key is computed when it is first asked for


@cache
def _ran() -> Any:
    manager_type, description = attributes("pilot_quantum", "PilotManager", "PilotDescription")
    with manager_type() as manager:
        manager.submit_pilot(description(engine="inline"))
        with manager.runtime() as runtime:
            runtime.gather(runtime.submit_many(abs, range(_TASKS)))
    return runtime


class Trace:
    """The traces of 4,096 tasks."""

    version = "1"

    def setup(self) -> None:
        (self.summarize,) = attributes("pilot_quantum", "summarize")
        self.runtime = _ran()
        self.traces = self.runtime.trace().tasks

    def time_collect(self) -> None:
        self.runtime.trace()

    def time_summarize(self) -> None:
        self.summarize(self.traces)


class Fit:
    """A law of four terms on 64 observations, its bootstrap included."""

    version = "1"
    number = 1

    def setup(self) -> None:
        self.fit, laws, observation = attributes("qdreamer", "fit", "laws", "Observation")
        try:
            self.law = laws.load("dispatch")
        except LookupError as error:
            raise NotImplementedError from error
        names = self.law.features
        self.observations = [
            observation({name: 1.0 + (7 * n + 3 * place) % 64 for place, name in enumerate(names)}, 0.01 * (n % 8 + 1))
            for n in range(64)
        ]

    def time_fit(self) -> None:
        self.fit(self.law, self.observations)
