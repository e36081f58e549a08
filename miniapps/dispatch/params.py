"""Parameters of dispatch and the rules they keep. Driver side."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from .._app import Params

_TASKS: dict[str, Any] = {"unit": "tasks"}


class Dispatch(Params):
    """What to send, how to hand it over, how to take it back, and what to time."""

    task: Literal["noop", "sleep"] = Field(
        "noop",
        description="noop = a Python function that returns its argument; sleep = /bin/sleep 0, spawned and awaited",
    )
    n_tasks: int = Field(4096, ge=1, le=1_000_000, description="number of tasks", json_schema_extra=_TASKS)
    submit: Literal["one_by_one", "many"] = Field(
        "one_by_one", description="one call a task, or one call for all of them"
    )
    collect: Literal["results", "as_completed"] = Field(
        "results", description="the result of every task in order, or tasks as they end"
    )
    measure: Literal["throughput", "round_trip"] = Field(
        "throughput", description="all tasks at once, or each submitted after the result of the one before"
    )
    function: Literal["known", "new"] = Field(
        "known", description="new = made for this run, so that no worker has it and nothing is known of its duration"
    )

    @model_validator(mode="after")
    def _one_after_another(self) -> Dispatch:
        if self.measure == "round_trip":
            for name, value, only in (
                ("submit", self.submit, "one_by_one"),
                ("collect", self.collect, "results"),
            ):
                if value != only:
                    raise ValueError(f"{name} = {value!r}: a round trip has one task at a time, so only {only!r} fits")
        return self
