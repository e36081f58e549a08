"""The time of an emulated device. Worker side; standard library."""

from __future__ import annotations

import time


def hold(since_s: float, circuits: int, circuit_s: float) -> float:
    """Wait until ``circuits`` x ``circuit_s`` seconds have passed since ``since_s`` (`time.perf_counter`).

    Returns
    -------
    float
        Seconds since ``since_s``: how long the device was busy.
    """
    left_s = since_s + circuits * circuit_s - time.perf_counter()
    if left_s > 0:
        time.sleep(left_s)  # the declared time of an emulated device
    return time.perf_counter() - since_s
