"""A pool's pilots are opened once, opened again when they are lost, and given up after a limit."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.cases import Pool
from harness.session import PoolSession
from pilot_quantum import PilotDescription, PilotFailed, PilotManager, PilotQuantumError, PilotState

INLINE = Pool("here", (PilotDescription(name="here", engine="inline"),))
PROCESSES = Pool("here", (PilotDescription(name="here", engine="processes", cores_per_node=1),))


def counting(made: list[PilotManager]) -> Callable[[], PilotManager]:
    def make() -> PilotManager:
        made.append(PilotManager())
        return made[-1]

    return make


def test_it_opens_with_the_first_use_and_stays_open() -> None:
    made: list[PilotManager] = []
    with PoolSession(INLINE, make_manager=counting(made)) as session:
        assert made == []
        assert session.manager() is session.manager() is made[0]
        assert session.manager().submit_task(abs, -1).result() == 1
    assert [pilot.state for pilot in made[0].pilots()] == [PilotState.DONE]


def test_pilots_whose_walltime_ended_are_opened_again_as_often_as_needed() -> None:
    made: list[PilotManager] = []
    with PoolSession(INLINE, reopen_limit=0, make_manager=counting(made)) as session:
        for _ in range(4):
            manager = session.manager()
            assert manager.submit_task(abs, -2).result() == 2
            manager.pilots()[0].release()
    assert len(made) == 4


def break_workers(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    """Make every worker process that is started from now on end before it reports in."""
    script = directory / "python"
    script.write_text("#!/bin/sh\nsleep 0.3\nexit 1\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))


def test_pilots_that_do_not_start_are_given_up_after_the_limit_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    break_workers(monkeypatch, tmp_path)
    made: list[PilotManager] = []
    with PoolSession(PROCESSES, reopen_limit=2, make_manager=counting(made)) as session:
        for _ in range(3):
            with pytest.raises(PilotFailed, match=r"^pilot 'here'.*before they report in"):
                session.manager()
        for _ in range(3):
            with pytest.raises(PilotFailed, match=r"given up: pilot 'here'.*before they report in"):
                session.manager()
    assert len(made) == 3


def test_a_pilot_that_is_lost_later_is_opened_again_until_the_limit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made: list[PilotManager] = []
    with PoolSession(PROCESSES, reopen_limit=1, make_manager=counting(made)) as session:
        for _ in range(2):
            manager = session.manager()
            with monkeypatch.context() as broken:
                break_workers(broken, tmp_path)
                assert isinstance(manager.submit_task(os._exit, 9).exception(60), PilotQuantumError)
                while manager.pilots()[0].state is not PilotState.FAILED:
                    time.sleep(0.01)
        with pytest.raises(PilotFailed, match="given up: here: a pilot was lost"):
            session.manager()
    assert len(made) == 2
