"""Late binding against early binding: heavy-tailed tasks on two unequal pilots.

Each task sleeps for a seeded, heavy-tailed time, three times as long on the pilot called ``slow``. The makespan is
compared with that of list scheduling (every task to the worker that is free first, in order, no dispatch cost) and with
static halving (each pilot gets half of the tasks in advance), both on the same tasks.
"""

from __future__ import annotations

import heapq
import os
import time
from dataclasses import dataclass

import numpy as np

from pilot_quantum import PilotDescription, PilotManager, summarize

SLOW = 3.0


@dataclass(frozen=True, slots=True)
class Makespans:
    """One comparison; all times in seconds.

    Attributes
    ----------
    late
        Measured with late binding over both pilots.
    static
        Measured with half of the tasks bound to each pilot in advance.
    bound
        List scheduling of the same tasks without any cost, computed.
    tasks
        Number of tasks on each pilot with late binding.
    """

    late: float
    static: float
    bound: float
    tasks: dict[str, int]


def durations(n_tasks: int, seed: int, mean_s: float = 0.02) -> list[float]:
    """Return ``n_tasks`` lognormal durations (sigma 1.2) with mean ``mean_s`` seconds."""
    sigma = 1.2
    draws = np.random.default_rng(seed).lognormal(np.log(mean_s) - sigma**2 / 2, sigma, n_tasks)
    return [float(draw) for draw in draws]


def nap(seconds: float) -> None:
    """Sleep, three times as long on the slow pilot; worker side."""
    time.sleep(seconds * (SLOW if os.environ["PILOT_QUANTUM_PILOT"] == "slow" else 1.0))


def list_schedule(tasks: list[float], speeds: list[float]) -> float:
    """Return the makespan of giving each task, in order, to the worker that is free first."""
    free = [(0.0, worker) for worker in range(len(speeds))]
    for seconds in tasks:
        start, worker = heapq.heappop(free)
        heapq.heappush(free, (start + seconds / speeds[worker], worker))
    return max(end for end, _ in free)


def compare(n_tasks: int = 600, seed: int = 1, engine: str = "processes", workers: int = 2) -> Makespans:
    """Measure both bindings once, late binding first."""
    tasks = durations(n_tasks, seed)
    with PilotManager() as manager:
        for name in ("fast", "slow"):
            options = {"oversubscribe": True}
            description = PilotDescription(name=name, engine=engine, cores_per_node=workers, launcher_options=options)
            manager.submit_pilot(description).wait(120)
        warm = manager.submit_tasks(nap, [0.0] * 64)
        manager.wait(warm)
        start = time.perf_counter()
        late = manager.submit_tasks(nap, tasks)
        manager.wait(late)
        late_s = time.perf_counter() - start
        start = time.perf_counter()
        halves = [manager.submit_tasks(nap, tasks[at::2], pilot=name) for at, name in enumerate(("fast", "slow"))]
        manager.wait([task for half in halves for task in half])
        static_s = time.perf_counter() - start
        placed = summarize(task.trace() for task in late)["pilots"]
    bound = list_schedule(tasks, [1.0] * workers + [1 / SLOW] * workers)
    return Makespans(late_s, static_s, bound, placed)
