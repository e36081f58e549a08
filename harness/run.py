"""Running a plan: pool after pool, repeats interleaved over cases, every repeat recorded as soon as it has ended.

Driver side; the only part of the harness that starts pilots.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, final

from . import environment
from .interruption import Interruption
from .measure import Origin, measure, unsupported, warm_up
from .plan import Plan, Step, steps
from .session import Place, PoolSession
from .store import TRACES, DamagedLine, RecordWriter, remove_scratch, run_lock, set_aside

if TYPE_CHECKING:
    from signal import Signals

    from .cases import Pool
    from .record import Record
    from .spec import CampaignFile

FROZEN: Final = "campaign.toml"
"""The campaign as it was run last, in its results directory."""


class Observer(Protocol):
    """Whoever wants to watch a run; the calls come from the running thread and should return at once."""

    def opening(self, pool: Pool) -> None:
        """Take note that the pilots of this pool are started with the next step."""

    def starting(self, step: Step) -> None:
        """Take note that this repeat begins."""

    def finished(self, step: Step, record: Record | None) -> None:
        """Take note that this repeat has ended and is on the disk; a warm-up has no record."""


@final
@dataclass
class RunResult:
    """What a run did.

    Attributes
    ----------
    records
        Repeats recorded, in order.
    file
        The record file; None if nothing was recorded.
    interrupted
        The signal that ended it; None if it ran to its end.
    budget_spent
        Whether it stopped because its time budget was spent.
    """

    records: list[Record] = field(default_factory=list)
    file: Path | None = None
    interrupted: Signals | None = None
    budget_spent: bool = False


# ---------------------------------------------------------------- the results directory


@contextmanager
def held_results(directory: Path, campaign: CampaignFile) -> Iterator[list[DamagedLine]]:
    """Make a campaign's results directory ready and hold it for one run; yields the torn lines that were set aside.

    ``campaign.toml`` in it is the campaign as it was run last. A different one that was there before is kept as
    ``campaign.until-<time>.toml``: its records stay valid, since a key holds all that its record depends on.

    Raises
    ------
    StoreError
        If the directory cannot be made, or another run holds it.
    """
    with run_lock(directory):
        freeze(directory / FROZEN, campaign.text)
        remove_scratch(directory / TRACES)
        yield set_aside(directory)


def freeze(frozen: Path, text: str) -> None:
    """Make ``text`` the campaign of a results directory; a different one that was there is kept beside it."""
    if frozen.exists():
        if frozen.read_text("utf-8") == text:
            return
        until = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        frozen.replace(frozen.with_name(f"{frozen.stem}.until-{until}.toml"))
    scratch = frozen.with_name(f".{frozen.name}.tmp")
    scratch.write_text(text, "utf-8")
    scratch.replace(frozen)


# ---------------------------------------------------------------- the run


@final
class Runner:
    """Runs a plan into a results directory.

    Parameters
    ----------
    plan
        What to run.
    directory
        The campaign's results directory, held by `held_results`.
    observer
        Who watches.
    budget_s
        No repeat is started after this many seconds; None means no budget.
    place
        See `PoolSession`.
    traces
        Whether the task traces of every repeat are kept beside its record.
    """

    def __init__(
        self,
        plan: Plan,
        directory: Path,
        *,
        observer: Observer,
        budget_s: float | None = None,
        place: Place | None = None,
        traces: bool = False,
    ) -> None:
        self._place = place
        self._plan = plan
        self._traces = directory / TRACES if traces else None
        self._directory = directory
        self._observer = observer
        self._ends_s = None if budget_s is None else time.monotonic() + budget_s
        self._interruption = Interruption()
        self._result = RunResult()

    def run(self) -> RunResult:
        """Run what is missing; returns also when it was interrupted or its budget is spent.

        Raises
        ------
        WriteFailed
            If a record could not be written.
        """
        with self._interruption, RecordWriter(self._directory) as writer:
            origin = Origin(
                self._plan.campaign, environment.describe(), self._interruption.allowed, traces=self._traces
            )
            self._record_misfits(writer, origin)
            for pool in self._plan.pools:
                if not self._run_pool(pool, writer, origin):
                    break
            self._result.file = writer.file
            self._result.interrupted = self._interruption.signal
        return self._result

    def _record_misfits(self, writer: RecordWriter, origin: Origin) -> None:
        for planned in self._plan.misfits():
            for repeat in () if planned.recorded_unsupported else planned.missing:
                self._keep(unsupported(planned, repeat, origin), writer)

    def _run_pool(self, pool: Pool, writer: RecordWriter, origin: Origin) -> bool:
        """Run the cases of one pool; return whether the run goes on after it."""
        todo = list(steps(p for p in self._plan.cases if p.case.pool.label == pool.label))
        if not todo:
            return True
        self._observer.opening(pool)
        with PoolSession(pool, place=self._place) as session:
            return all(self._step(step, session, writer, origin) for step in todo)

    def _step(self, step: Step, session: PoolSession, writer: RecordWriter, origin: Origin) -> bool:
        """Run one repeat; return whether the run goes on after it."""
        self._result.budget_spent = self._ends_s is not None and time.monotonic() >= self._ends_s
        if self._result.budget_spent or self._interruption.signal is not None:
            return False
        self._observer.starting(step)
        if step.repeat is None:
            interrupted = warm_up(step.planned.runs, session, origin)
            self._observer.finished(step, None)
            return not interrupted
        record, interrupted = measure(step.planned, step.repeat, session, origin)
        self._keep(record, writer)
        self._observer.finished(step, record)
        return not interrupted

    def _keep(self, record: Record, writer: RecordWriter) -> None:
        writer.append(record)
        self._result.records.append(record)
