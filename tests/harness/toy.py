"""A small real mini-app for the tests of the harness: hashes numbers, and misbehaves on request."""

from __future__ import annotations

import hashlib
import os
import time
from typing import Any, Literal

from pydantic import Field

from miniapps import Features, Measurement, Metric, MiniApp, MotifCard, Params, Verdict

Behaviour = Literal["ok", "raise", "wrong", "hang", "die", "unsupported", "nan", "odd_text", "interrupt"]


class ToyParams(Params):
    """What to hash, how hard, and how to misbehave."""

    n_tasks: int = Field(2, ge=1, le=1000, description="tasks to submit")
    rounds: int = Field(1, ge=1, description="hash rounds of each task")
    memory: int = Field(1024, ge=0, json_schema_extra={"unit": "B"})
    cpus: int = Field(1, ge=1)
    behaviour: Behaviour = "ok"
    words: list[str] = Field(default_factory=list)
    ratio: float = Field(1.0, gt=0, lt=10)
    seed: int = Field(0, ge=0)


def digest(item: tuple[int, int, str]) -> str:
    """Worker side: hash a number ``rounds`` times."""
    number, rounds, behaviour = item
    if behaviour == "raise":
        raise RuntimeError(f"told to raise\non {number}")
    if behaviour == "odd_text":
        raise RuntimeError("half a pair \udc80")
    if behaviour == "die":
        os._exit(9)
    if behaviour == "hang":
        time.sleep(30)
    text = str(number).encode()
    for _ in range(rounds):
        text = hashlib.sha256(text).digest()
    return text.hex()


def estimate(params: ToyParams) -> Features:
    return Features(tasks=params.n_tasks, memory_per_task=params.memory, cpus_per_task=params.cpus)


def run(params: ToyParams, runtime: Any) -> Measurement:
    if params.behaviour == "unsupported":
        raise NotImplementedError("told to be unsupported")
    if params.behaviour == "interrupt":
        raise KeyboardInterrupt
    start = time.perf_counter()
    numbers = [(params.seed * 1000 + index, params.rounds, params.behaviour) for index in range(params.n_tasks)]
    with runtime.stage("hash"):
        values = runtime.gather(runtime.submit_many(digest, numbers))
    seconds = float("nan") if params.behaviour == "nan" else time.perf_counter() - start
    return Measurement(
        answer=values,
        metrics={"time_to_value_s": Metric(seconds, "s", "lower"), "tasks": Metric(len(values), "1")},
        digest=hashlib.sha256("".join(values).encode()).hexdigest(),
    )


def check(params: ToyParams, measurement: Measurement) -> Verdict:
    expected = [digest((params.seed * 1000 + index, params.rounds, "ok")) for index in range(params.n_tasks)]
    wrong = sum(a != b for a, b in zip(measurement.answer, expected, strict=True))
    if params.behaviour == "wrong":
        wrong += 1
    return Verdict("fail" if wrong else "pass", "hashed again", float(wrong), 0.0, 0.0)


APP = MiniApp(
    name="toy",
    version=1,
    summary="hashes numbers",
    card=MotifCard("T.0 Toy", "none", "none", "tests", "none", "HPC-for-Quantum"),
    params=ToyParams,
    functions={
        "run": "tests.harness.toy:run",
        "check": "tests.harness.toy:check",
        "estimate": "tests.harness.toy:estimate",
    },
)
