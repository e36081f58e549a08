"""Jobs on their way: sent once, looked up when a reply is lost, polled, fetched, withdrawn, collected after a crash."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from ._loops import Loop
from ._work import Flight, Lane, Unit, WorkResult, new_tag
from .base import (
    Counts,
    DeviceError,
    DeviceJob,
    DeviceUnavailable,
    JobState,
    JobView,
    ReplyLost,
    SessionExpired,
)

if TYPE_CHECKING:
    from ._settings import BrokerSettings
    from .journal import Journal, JournalJob


_FIRST_PAUSE_S: Final = 0.25


class Owner(Protocol):
    """What flights ask of the broker."""

    settings: BrokerSettings
    lanes: dict[str, Lane]

    def changed(self) -> None:
        """Route again soon."""

    def refresh(self, lane: Lane) -> None:
        """Look at a device."""

    def give_back(self, units: Sequence[Unit], device: str, action: str, reason: str) -> None:
        """Let circuits wait again."""

    def reconsider(self, lane: Lane, flight: Flight) -> None:
        """Withdraw a waiting job if its circuits would do better elsewhere."""

    def released(self, keys: Sequence[str]) -> None:
        """Circuits that an earlier process meant to send were not sent."""


class Flights:
    """Carries jobs for the broker."""

    def __init__(self, loop: Loop, journal: Journal | None, owner: Owner) -> None:
        self._loop = loop
        self._journal = journal
        self._owner = owner
        self._keys: dict[str, tuple[str, ...]] = {}

    # Sending.

    def send(self, lane: Lane, units: list[Unit]) -> None:
        """Send circuits as one job."""
        forecasts = [lane.device.forecast(unit.compiled[lane.name], unit.shots) for unit in units]
        overheads = [forecast.parts_s.get("overhead", 0.0) for forecast in forecasts]
        run_s = sum(forecast.run_s for forecast in forecasts) - sum(overheads[1:])
        job = DeviceJob(
            tag=new_tag(),
            circuits=tuple(unit.compiled[lane.name] for unit in units),
            shots=units[0].shots,
            seeds=tuple(unit.seed for unit in units),
        )
        for unit in units:
            unit.attempts += 1
        flight = Flight(job, units, self._loop.clock.now(), run_s, sum(forecast.cost for forecast in forecasts))
        lane.flights[job.tag] = flight
        lane.ahead_s += run_s
        self._loop.effect(
            lane.name, lambda: self._submit(lane, flight), lambda found, e: self._sent(lane, flight, found, e)
        )

    def _submit(self, lane: Lane, flight: Flight) -> str:
        """Record the intent, send, record the id; in the device's thread."""
        flight.job = replace(flight.job, session=self._session(lane))
        if self._records(lane):
            keys = tuple(unit.key for unit in flight.units)
            planned = {"shots": flight.job.shots * len(keys), "cost": flight.cost, "qpu_s": flight.run_s}
            self._journal.intent(flight.job.tag, lane.name, keys, shots=flight.job.shots, spent=planned)  # type: ignore[union-attr]  # _records says so
        try:
            job_id = lane.device.submit(flight.job)
        except SessionExpired:  # certainly not accepted: the same job goes out in a new session
            lane.session = None
            flight.job = replace(flight.job, session=self._session(lane))
            job_id = lane.device.submit(flight.job)
        if self._records(lane):
            self._journal.sent(flight.job.tag, job_id)  # type: ignore[union-attr]  # as above
        return job_id

    def _records(self, lane: Lane) -> bool:
        return self._journal is not None and lane.device.paid

    def _session(self, lane: Lane) -> str | None:
        """Return the open session of a device in session access, opened now if there is none that still lives."""
        if lane.description.access != "session":
            return None
        now = self._loop.clock.now()
        if lane.session is not None and now >= lane.session[1]:
            lane.device.close_session(lane.session[0])
            lane.session = None
        if lane.session is None:
            ttl_s = lane.description.session_ttl_s
            lane.session = (lane.device.open_session(ttl_s), now + ttl_s)
        lane.used_s = now
        return lane.session[0]

    def _sent(self, lane: Lane, flight: Flight, job_id: str | None, error: BaseException | None) -> None:
        now = self._loop.clock.now()
        if error is None:
            flight.job_id = job_id
            flight.sent_s = now
            self._poll_later(lane, flight)
        elif isinstance(error, ReplyLost) and lane.device.paid:
            self._search(lane, flight, until=now + lane.device.visible_s)
        elif isinstance(error, (DeviceUnavailable, SessionExpired, ReplyLost)):
            lane.facts, lane.trouble = None, str(error)
            self._close(lane, flight, "void", str(error))
            self._loop.after(_FIRST_PAUSE_S, self._owner.refresh, lane)
            for unit in flight.units:
                unit.attempts -= not isinstance(error, ReplyLost)  # it was not accepted, so it was no attempt
            self._owner.give_back(flight.units, lane.name, "retry", str(error))
        else:
            self._refused(lane, flight, error)

    def _refused(self, lane: Lane, flight: Flight, error: BaseException) -> None:
        """One circuit is at fault for good; of several it is found by sending each alone."""
        self._close(lane, flight, "failed", str(error))
        if len(flight.units) == 1 or not isinstance(error, DeviceError):
            for unit in flight.units:
                unit.fail(self._loop.clock.now(), error)
            self._owner.changed()
            return
        for unit in flight.units:
            unit.alone = True
        self._owner.give_back(flight.units, lane.name, "retry", f"a job of {len(flight.units)} was refused: {error}")

    # Was it accepted?

    def _search(self, lane: Lane, flight: Flight, *, until: float) -> None:
        """Look a job up by its tag until it is found, or certain not to exist."""

        def looked(job_id: str | None, error: BaseException | None) -> None:
            if job_id is not None:
                self._found(lane, flight, job_id)
            elif error is None and self._loop.clock.now() >= until:
                self._missing(lane, flight)
            else:
                self._loop.after(_pause(lane.device.visible_s), self._search_again, lane, flight, until)

        self._loop.effect(lane.name, lambda: lane.device.find(flight.job.tag), looked)

    def _search_again(self, lane: Lane, flight: Flight, until: float) -> None:
        self._search(lane, flight, until=until)

    def _found(self, lane: Lane, flight: Flight, job_id: str) -> None:
        if self._records(lane):
            self._journal.sent(flight.job.tag, job_id)  # type: ignore[union-attr]  # _records says so
        flight.job_id = job_id
        for unit in flight.units:
            unit.note(self._loop.clock.now(), lane.name, "recover", "its reply was lost; the job was found by its tag")
        self._poll(lane, flight)

    def _missing(self, lane: Lane, flight: Flight) -> None:
        self._close(lane, flight, "void", "its reply was lost, and no job has its tag")
        if flight.adopted:
            self._owner.released(self._keys.pop(flight.job.tag, ()))
            return
        self._owner.give_back(flight.units, lane.name, "retry", "its reply was lost, and the job was never accepted")

    def adopt(self, lane: Lane, known: JournalJob) -> None:
        """Go on with a job of an earlier process."""
        job = DeviceJob(known.tag, (), known.shots, ())
        flight = Flight(job, [], self._loop.clock.now(), 0.0, 0.0, job_id=known.job_id, adopted=True)
        lane.flights[known.tag] = flight
        self._keys[known.tag] = known.keys
        if known.job_id is not None:
            self._poll(lane, flight)
            return
        age_s = time.time() - known.intent_unix
        self._search(lane, flight, until=self._loop.clock.now() + max(0.0, lane.device.visible_s - max(0.0, age_s)))

    def claim(self, unit: Unit) -> None:
        """Note that a circuit of this process waits for a job of an earlier one."""
        for lane_flights in self._adopted_flights():
            if unit.key in self._keys.get(lane_flights.job.tag, ()) and unit not in lane_flights.units:
                lane_flights.units.append(unit)

    def _adopted_flights(self) -> list[Flight]:
        lanes = self._owner.lanes.values()
        return [flight for lane in lanes for flight in lane.flights.values() if flight.adopted]

    # Polling.

    def look_soon(self, lane: Lane, flight: Flight) -> None:
        """Poll a job out of turn, because its device has changed."""
        self._poll(lane, flight, again=False)

    def _poll_later(self, lane: Lane, flight: Flight) -> None:
        delay = lane.device.poll_after_s(flight.job_id or "", flight.polls)
        if flight.view.state is JobState.QUEUED:
            delay = min(delay, self._owner.settings.reroute_s)
        self._loop.after(delay, self._poll, lane, flight)

    def _poll(self, lane: Lane, flight: Flight, again: bool = True) -> None:
        if flight.job.tag not in lane.flights or flight.view.state.final:
            return
        job_id = flight.job_id or ""
        self._loop.effect(
            lane.name,
            lambda: lane.device.poll(job_id),
            lambda view, e: self._polled(lane, flight, view, e, again=again),
        )

    def _polled(
        self, lane: Lane, flight: Flight, view: JobView | None, error: BaseException | None, *, again: bool
    ) -> None:
        if flight.job.tag not in lane.flights or flight.view.state.final:
            return
        flight.polls += 1
        if view is None:
            if isinstance(error, DeviceError) and not error.retriable:
                flight.view = JobView(JobState.FAILED, reason=str(error))
                self._failed(lane, flight)
            elif again:
                self._poll_later(lane, flight)
            return
        flight.view = view
        if view.state is JobState.DONE:
            self._fetch(lane, flight)
        elif view.state is JobState.CANCELLED:
            self._cancelled(lane, flight)
        elif view.state is JobState.FAILED:
            self._failed(lane, flight)
        else:
            self._waits(lane, flight, again=again)

    def _waits(self, lane: Lane, flight: Flight, *, again: bool) -> None:
        if self._loop.clock.now() - flight.sent_s > self._owner.settings.stuck_s and not flight.withdrawn:
            self.withdraw(lane, flight, f"not ended {self._owner.settings.stuck_s:g} s after it was sent")
        elif flight.view.state is JobState.QUEUED:
            self._owner.reconsider(lane, flight)
        if again:
            self._poll_later(lane, flight)

    def withdraw(self, lane: Lane, flight: Flight, reason: str, *, moving: bool = False) -> None:
        """Ask for the end of a waiting job; its circuits go elsewhere once that is confirmed.

        Parameters
        ----------
        moving
            Whether another device has become better, and nothing is wrong with this one: then it was no attempt.
        """
        flight.withdrawn, flight.moving = reason, moving
        job_id = flight.job_id or ""

        def asked(_none: None, error: BaseException | None) -> None:
            if error is None:
                self._poll(lane, flight, again=False)
            else:
                flight.withdrawn = ""  # the vendor did not hear it: asked again at a later poll
                for other in self._owner.lanes.values():
                    other.promised.pop(flight.job.tag, None)

        self._loop.effect(lane.name, lambda: lane.device.cancel(job_id), asked)

    # Ends.

    def _cancelled(self, lane: Lane, flight: Flight) -> None:
        reason = flight.withdrawn or "the vendor cancelled the job"
        for unit in flight.units if flight.moving else ():
            unit.attempts -= 1
            unit.moves += 1
        self._close(lane, flight, "cancelled", reason)
        self._return(lane, flight, "withdraw", reason)

    def _failed(self, lane: Lane, flight: Flight) -> None:
        view = flight.view
        if view.retriable:
            self._close(lane, flight, "failed", view.reason)
            self._return(lane, flight, "retry", f"the job failed: {view.reason}")
        elif flight.adopted:
            self._close(lane, flight, "failed", view.reason)
            self._return(lane, flight, "retry", view.reason)
        else:
            self._refused(lane, flight, DeviceError(f"device {lane.name!r}: {view.reason}"))

    def _return(self, lane: Lane, flight: Flight, action: str, reason: str) -> None:
        if flight.adopted:
            self._owner.released(self._keys.pop(flight.job.tag, ()))
        else:
            self._owner.give_back(flight.units, lane.name, action, reason)

    def _fetch(self, lane: Lane, flight: Flight) -> None:
        job_id = flight.job_id or ""

        def fetch() -> list[Counts]:
            counts = lane.device.fetch(job_id, flight.job)
            if self._records(lane):
                self._journal.done(flight.job.tag, counts, self._used(flight))  # type: ignore[union-attr]  # _records says so
            return counts

        self._loop.effect(lane.name, fetch, lambda counts, error: self._fetched(lane, flight, counts, error))

    def _used(self, flight: Flight) -> dict[str, float]:
        number = len(self._keys.get(flight.job.tag, ())) or len(flight.units)
        view = flight.view
        qpu_s = flight.run_s if view.qpu_s is None else view.qpu_s
        cost = flight.cost if view.cost is None else view.cost
        return {"shots": flight.job.shots * number, "cost": cost, "qpu_s": qpu_s}

    def _fetched(self, lane: Lane, flight: Flight, counts: list[Counts] | None, error: BaseException | None) -> None:
        if counts is None:
            if isinstance(error, DeviceError) and error.retriable:
                self._loop.after(_pause(1.0), self._fetch, lane, flight)
                return
            self._leave(lane, flight)
            for unit in flight.units:
                unit.fail(self._loop.clock.now(), error or DeviceError("no counts came back"))
            return
        if not flight.adopted:  # what an earlier process spent was counted when the journal was read
            lane.ended(**self._used(flight))
        self._leave(lane, flight)
        self._deliver(lane, flight, counts)
        self._owner.changed()

    def _deliver(self, lane: Lane, flight: Flight, counts: list[Counts]) -> None:
        now = self._loop.clock.now()
        keys = self._keys.pop(flight.job.tag, ())
        by_key = dict(zip(keys, counts, strict=True)) if flight.adopted else {}
        number = max(1, len(counts))
        view = flight.view
        for position, unit in enumerate(flight.units):
            if unit.future.done():
                continue
            unit.future.set_result(
                WorkResult(
                    counts=by_key[unit.key] if flight.adopted else counts[position],
                    device=lane.name,
                    job_id=flight.job_id or "",
                    submitted_s=unit.submitted_s,
                    sent_s=flight.sent_s,
                    ended_s=now,
                    qpu_s=None if view.qpu_s is None else view.qpu_s / number,
                    cost=None if view.cost is None else view.cost / number,
                    fidelity=None if view.fidelity is None else view.fidelity[position],
                    decisions=tuple(unit.decisions),
                    recovered=flight.adopted,
                    projected=lane.device.projected,
                )
            )

    def _close(self, lane: Lane, flight: Flight, step: Any, reason: str) -> None:
        if self._records(lane):
            known = self._journal is not None and flight.job.tag in self._journal
            if known:
                self._journal.closed(flight.job.tag, step, reason)  # type: ignore[union-attr]  # _records says so
        self._leave(lane, flight)

    def _leave(self, lane: Lane, flight: Flight) -> None:
        for other in self._owner.lanes.values():
            other.promised.pop(flight.job.tag, None)
        if lane.flights.pop(flight.job.tag, None) is not None and lane.description.access == "dedicated":
            lane.leases.append((flight.sent_s, self._loop.clock.now()))

    def end(self, lane: Lane) -> None:
        """Close the session, cancel unpaid jobs, let go of the device; in the loop's last call."""
        steps: list[Callable[[], None]] = []
        if not lane.device.paid:
            ids = [flight.job_id for flight in lane.flights.values() if flight.job_id is not None]
            steps += [lambda job_id=job_id: lane.device.cancel(job_id) for job_id in ids]  # type: ignore[misc]  # one each
        session = lane.session
        if session is not None:
            steps.append(lambda: lane.device.close_session(session[0]))
        for step in [*steps, lane.device.close]:
            try:
                step()
            except DeviceError:  # the vendor cannot be reached; the session ends with its own limits
                continue


def _pause(visible_s: float) -> float:
    return min(2.0, max(0.05, visible_s / 5))
