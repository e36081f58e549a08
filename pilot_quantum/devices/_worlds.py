"""The world of an emulated device: other people's jobs, outages, calibrations."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from typing import Any, Final

_HORIZON_H: Final = 24 * 14


def others(options: Mapping[str, Any], seed: str) -> Iterator[tuple[float, float]]:
    """Other people's jobs: Poisson arrivals with exponential service, or as many as a recorded queue asks for."""
    rng = random.Random(seed)
    mean = float(options.get("others_job_s", 60.0))
    trace = options.get("queue_trace")
    if trace is not None:
        yield from _following(json.loads(str(trace)), mean, rng)
        return
    for _ in range(int(options.get("others_waiting", 0))):
        yield 0.0, rng.expovariate(1 / mean)
    load = float(options.get("others_load", 0.0))
    time_s = 0.0
    while load > 0:
        time_s += rng.expovariate(load / mean)
        yield time_s, rng.expovariate(1 / mean)


def outages(options: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Return the times without service, in order: the stated ones and those of calibration."""
    spans = [(float(start), float(end)) for start, end in options.get("outages", [])]
    every, minutes = (float(options.get(key, 0.0)) for key in ("calibrate_every_h", "calibrate_min"))
    if every > 0 and minutes > 0:
        count = int(_HORIZON_H / every)
        spans += [(3600 * every * k, 3600 * every * k + 60 * minutes) for k in range(1, count)]
    merged: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _following(trace: list[list[float]], mean: float, rng: Any) -> Iterator[tuple[float, float]]:
    """Yield arrivals that keep a server with ``mean`` seconds a job at the recorded numbers of waiting jobs."""
    before = 0.0
    last_s: float | None = None
    for time_s, waiting in trace:
        served = 0.0 if last_s is None else (time_s - last_s) / mean
        new = max(0, round(waiting - before + min(served, before + served)))
        span = 0.0 if last_s is None else time_s - last_s
        begin = time_s if last_s is None else last_s
        for arrival in sorted(begin + span * rng.random() for _ in range(new)):
            yield arrival, rng.expovariate(1 / mean)
        before, last_s = waiting, time_s
