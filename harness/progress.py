"""The progress of a run on a terminal: a bar, the rate, the time left."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self, final

from .labels import axes, case_label

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

    from .cases import Pool
    from .plan import Plan, Step
    from .record import Record


@final
class TimeLeft:
    """Estimates how long the rest of a run takes.

    A case is expected to take as long as its last repeat, before its first one as long as predicted, and without a
    prediction as long as the mean of the cases seen so far: cases may differ by orders of magnitude, so a mean rate
    over all would mislead.
    """

    def __init__(self, plan: Plan) -> None:
        todo = [planned for planned in plan.cases if planned.missing and planned.misfit is None]
        self._left = Counter({p.case.key: len(p.missing) + p.case.warmups for p in todo})
        self._seconds = {p.case.key: p.prediction.value for p in todo if p.prediction is not None}

    @property
    def steps(self) -> int:
        """Repeats and warm-ups left."""
        return self._left.total()

    def finished(self, key: str, elapsed_s: float) -> None:
        """Take note of one repeat or warm-up."""
        self._left[key] -= 1
        self._seconds[key] = elapsed_s

    def seconds(self) -> float | None:
        """Return the seconds left; None before anything is known."""
        if not self._seconds:
            return None
        mean = sum(self._seconds.values()) / len(self._seconds)
        return sum(count * self._seconds.get(key, mean) for key, count in self._left.items())


@final
class Bar:
    """Draws the progress of a run; an `Observer` to use as a context manager.

    On anything but a terminal it draws nothing.
    """

    def __init__(self, plan: Plan, console: Console) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._labels = _labels(plan)
        self._time_left = TimeLeft(plan)
        self._total = self._time_left.steps
        self._bad: Counter[str] = Counter()
        self._began_s = 0.0
        self._stack = ExitStack()
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._stack.enter_context(self._progress)
        self._task = self._progress.add_task("starting", total=self._total, rate="", left="")
        return self

    def __exit__(self, *_error: object) -> None:
        """Clear the bar."""
        self._stack.close()

    def opening(self, pool: Pool) -> None:
        """Say which pilots are being started."""
        self._describe(f"starting {pool.label}")

    def starting(self, step: Step) -> None:
        """Say which case is running."""
        case = step.planned.case
        number = "warm-up" if step.repeat is None else f"repeat {step.repeat + 1}/{case.repeats}"
        self._describe(f"{case.pool.label} {self._labels[case.key][:60]} {number}")
        self._began_s = self._progress.get_time()

    def finished(self, step: Step, record: Record | None) -> None:
        """Advance."""
        self._time_left.finished(step.planned.case.key, self._progress.get_time() - self._began_s)
        if record is not None and record.status != "ok":
            self._bad[record.status] += 1
        if self._task is not None:
            elapsed_s = self._progress.tasks[self._task].elapsed or 0.0
            done = self._total - self._time_left.steps
            rate = f"{done / elapsed_s:.2g}/s" if elapsed_s > 0 else ""
            self._progress.update(self._task, advance=1, rate=rate, left=f"{clock(self._time_left.seconds())} left")

    def _describe(self, text: str) -> None:
        if self._task is not None:
            bad = ", ".join(f"{count} {status}" for status, count in self._bad.items())
            self._progress.update(self._task, description=f"{text} ({bad})" if bad else text)


def _labels(plan: Plan) -> dict[str, str]:
    """Return what tells a case from the others of its plan, by key."""
    rows = {planned.case.key: planned.case.as_row() for planned in plan.cases}
    names = list(axes(rows.values()))
    return {key: case_label(row.params, names) or row.app for key, row in rows.items()}


@final
class Quiet:
    """An observer that looks away."""

    def opening(self, pool: Pool) -> None:
        """Ignore."""

    def starting(self, step: Step) -> None:
        """Ignore."""

    def finished(self, step: Step, record: Record | None) -> None:
        """Ignore."""


def clock(seconds: float | None) -> str:
    """Return seconds as ``12 s``, ``3:05`` or ``2:03:05``; a question mark for None."""
    if seconds is None:
        return "?"
    if seconds < 100:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
