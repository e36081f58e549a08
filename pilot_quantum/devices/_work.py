"""Work items, the jobs they travel in, and what the broker keeps of each device."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ..descriptions import Budget, DeviceRequest
from .base import AbstractDevice, Compiled, Counts, DeviceFacts, DeviceJob, JobState, JobView

if TYPE_CHECKING:
    from ..descriptions import DeviceDescription
    from .journal import Journal


@dataclass(frozen=True, slots=True)
class Decision:
    """One step of a circuit on its way: when, which device, what was done and why.

    See `pilot_quantum.RoutingDecision` for the actions; times are seconds of the broker's clock.
    """

    time_s: float
    device: str
    action: str
    reason: str


@dataclass(frozen=True, slots=True)
class WorkResult:
    """What came of one circuit.

    Attributes
    ----------
    counts
        Outcomes by bit string.
    device, job_id
        Where it ran; ``job_id`` is the vendor's.
    submitted_s, sent_s, ended_s
        Seconds of the broker's clock.
    qpu_s, cost
        Its share of the job's; None if the device does not tell.
    fidelity
        Of an emulated run; None for real ones.
    decisions
        Why it ran there.
    recovered
        Whether the counts come from the journal or from a job of an earlier process.
    projected
        Whether the times are simulated.
    """

    counts: Counts
    device: str
    job_id: str
    submitted_s: float
    sent_s: float
    ended_s: float
    qpu_s: float | None = None
    cost: float | None = None
    fidelity: float | None = None
    decisions: tuple[Decision, ...] = ()
    recovered: bool = False
    projected: bool = False


@dataclass(slots=True, eq=False)
class Unit:
    """One circuit with its shots, from its submission to its result."""

    number: int
    key: str
    circuit: Any
    shots: int
    seed: int
    request: DeviceRequest
    submitted_s: float
    future: Future[WorkResult] = field(default_factory=Future)
    compiled: dict[str, Compiled] = field(default_factory=dict)
    unfit: dict[str, str] = field(default_factory=dict)
    unresolved: set[str] = field(default_factory=set)
    unreachable: set[str] = field(default_factory=set)
    queued: bool = False
    attempts: int = 0
    moves: int = 0
    alone: bool = False
    fixed: str | None = None
    decisions: list[Decision] = field(default_factory=list)
    told: Callable[[Decision], None] | None = None

    def note(self, time_s: float, device: str, action: str, reason: str) -> None:
        """Add a decision, unless it says what the last one said."""
        last = self.decisions[-1] if self.decisions else None
        if last is None or (last.device, last.action) != (device, action):
            self.decisions.append(Decision(time_s, device, action, reason))
            if self.told is not None:
                self.told(self.decisions[-1])

    def fail(self, time_s: float, error: BaseException) -> None:
        """End without a result, unless there is one."""
        if not self.future.done():
            self.note(time_s, "", "stop", str(error) or type(error).__name__)
            self.future.set_exception(error)


_QUEUED: Final = JobView(JobState.QUEUED)
_LEAST_IN_FLIGHT: Final = 2
_AHEAD: Final = 4.0
"""Own work is sent ahead up to this many times the work of others in the queue: a device that serves whoever came first
then gives four fifths of its time to us, and what is still held back can go elsewhere."""
_MANY: Final = 1_000_000


@dataclass(slots=True, eq=False)
class Flight:
    """A job between the broker and its end."""

    job: DeviceJob
    units: list[Unit]
    sent_s: float
    run_s: float
    cost: float
    job_id: str | None = None
    view: JobView = _QUEUED
    polls: int = 0
    withdrawn: str = ""
    moving: bool = False
    adopted: bool = False


class Lane:
    """A device as the broker sees it.

    Attributes
    ----------
    facts
        The last ones; None before they came, or while the service cannot be reached.
    flights
        Jobs at the device, by tag.
    session
        The vendor's open session, and when it ends.
    ahead_s
        Seconds of own jobs that were sent since the last facts, which the device's prediction does not know yet.
    promised
        Run time of each job that is being withdrawn elsewhere because of this device, by tag: others that wait are not
        to follow it as if the place were still free.
    leases
        (start, end) of each lease of a dedicated device.
    """

    def __init__(self, device: AbstractDevice, journal: Journal | None) -> None:
        self.device = device
        self.name = device.description.name
        self.facts: DeviceFacts | None = None
        self.known: DeviceFacts | None = None
        self.trouble = "not looked at yet"
        self.flights: dict[str, Flight] = {}
        self.session: tuple[str, float] | None = None
        self.used_s = 0.0
        self.ahead_s = 0.0
        self.promised: dict[str, float] = {}
        self.leases: list[tuple[float, float]] = []
        self.refreshing = False
        self.look_planned = False
        self.pause_s = 0.25
        self._ended = {"shots": 0.0, "cost": 0.0, "qpu_s": 0.0}
        if journal is not None:
            self._ended = journal.spent(self.name)

    @property
    def description(self) -> DeviceDescription:
        """What was asked for."""
        return self.device.description

    @property
    def online(self) -> bool:
        """Whether it takes jobs, as far as is known."""
        return self.facts is not None and self.facts.online

    def room(self, planned_s: float = 0.0) -> int:
        """Return how many jobs may be sent now: one at a time on a dedicated device.

        Parameters
        ----------
        planned_s
            Run time of what is about to be sent.
        """
        limit = 1 if self.description.access == "dedicated" else self.description.jobs_in_flight
        if limit is not None:
            return max(0, limit - len(self.flights))
        queue_s = self.facts.queue_s if self.facts is not None else None
        if self.description.access == "shared" and queue_s is not None:
            own_s = sum(flight.run_s for flight in self.flights.values() if flight.view.state is JobState.QUEUED)
            others_s = queue_s + self.ahead_s - own_s
            if own_s + planned_s < _AHEAD * others_s:
                return _MANY
        return max(0, _LEAST_IN_FLIGHT - len(self.flights))

    @property
    def batch(self) -> int:
        """Most circuits in one job."""
        limit = self.known.max_circuits if self.known is not None else None
        return min(self.description.batch, limit or self.description.batch)

    def wait_s(self, now: float) -> float:
        """Return the predicted wait of a job that is sent now."""
        coming_s = sum(self.promised.values())
        if self.description.access == "shared" and self.facts is not None and self.facts.queue_s is not None:
            return self.facts.queue_s + self.ahead_s + coming_s
        return coming_s + sum(max(0.0, flight.run_s - (now - flight.sent_s)) for flight in self.flights.values())

    def ended(self, *, shots: float, cost: float, qpu_s: float) -> None:
        """Count what a job has used."""
        for what, amount in (("shots", shots), ("cost", cost), ("qpu_s", qpu_s)):
            self._ended[what] += amount

    def spent(self) -> dict[str, float]:
        """Return what is used or promised: ``shots``, ``cost``, ``qpu_s``."""
        flying = [flight for flight in self.flights.values() if not flight.adopted]
        return {
            "shots": self._ended["shots"] + sum(f.job.shots * len(f.units) for f in flying),
            "cost": self._ended["cost"] + sum(f.cost for f in flying),
            "qpu_s": self._ended["qpu_s"] + sum(f.run_s for f in flying),
        }

    def beyond(self, planned: dict[str, float]) -> str | None:
        """Return which budget the planned spending would exceed, as a clause; None if none."""
        budget = self.description.budget or Budget()
        spent = self.spent()
        for what in ("shots", "cost", "qpu_s"):
            limit = getattr(budget, what)
            if limit is not None and spent[what] + planned[what] > limit * (1 + 1e-12):
                left = max(0.0, limit - spent[what])
                return f"its budget of {limit:g} {what} has {left:g} left, {planned[what]:g} are needed"
        return None


def new_tag() -> str:
    """Return an idempotency tag."""
    return f"pq-{uuid.uuid4().hex}"
