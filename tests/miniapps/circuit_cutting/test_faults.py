"""A worker that dies costs what it was doing, not the run, and changes no bit of the answer."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from miniapps.circuit_cutting import APP
from miniapps.circuit_cutting.executors import Job, load
from miniapps.circuit_cutting.params import CircuitCutting
from pilot_quantum import PilotDescription, PilotManager
from tests.miniapps.circuit_cutting.cases import measured


class DyingOnce:
    """Does a portion's work, but the first one to start kills its worker."""

    def __init__(self, function: Any, diary: Path) -> None:
        self.function, self.diary = function, diary

    def __call__(self, work: Any) -> Any:
        try:
            self.diary.touch(exist_ok=False)
        except FileExistsError:
            return self.function(work)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("SIGKILL cannot be survived")


@pytest.mark.parametrize(("executor", "shots"), [("amplitude", 0), ("distinct", 64)])
def test_a_killed_worker_costs_a_recomputation(
    executor: str, shots: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = CircuitCutting(n_qubits=8, angle=0.4, cuts=2, executor=executor, shots=shots)  # type: ignore[arg-type]  # names of executors, as strings

    def faulty(name: str) -> Any:
        make = load(name)

        def job(problem: Any) -> Job:
            made = make(problem)
            return Job(DyingOnce(made.function, tmp_path / "died"), made.portions, made.finish)

        return job

    monkeypatch.setattr("miniapps.circuit_cutting.flow.load", faulty)
    with PilotManager() as manager:
        manager.submit_pilot(PilotDescription(name="p", engine="processes", cores_per_node=2)).wait(90)
        with manager.runtime(pilots=["p"]) as runtime:
            found = APP.run(params, runtime)
        attempts = [trace.attempt for trace in runtime.traces()]
    monkeypatch.undo()
    assert (tmp_path / "died").exists()
    assert max(attempts) == 2
    assert found.digest == measured(params).digest
