"""The broker: brings waiting circuits to the devices of a pilot, and their counts back.

Circuits wait here, not at a vendor, for as long as that costs nothing: a device gets a job when it has room for one,
and which device that should be, is asked again whenever something has changed. Circuits that wait in a vendor's queue
are asked about again as well, and withdrawn if another device has become better; they are sent elsewhere only when the
vendor has confirmed that the job will not run.

One loop thread decides; each device has a thread for its blocking calls and one for compilation, which is never on the
device's time. On a virtual clock everything runs in the caller's thread.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from hashlib import sha256
from typing import TYPE_CHECKING, Any, final

from ..descriptions import DeviceDescription, DeviceRequest
from ..errors import InvalidDescription, ManagerClosed, UnsatisfiableRequest
from . import make
from ._flights import Flights
from ._loops import make_loop
from ._moves import Moves
from ._offers import Planned, offers_for, reasons_against
from ._prepare import Preparation
from ._settings import BrokerSettings
from ._work import Decision, Flight, Lane, Unit, WorkResult
from .base import BudgetExhausted, DeviceFacts
from .clock import Clock, VirtualClock
from .routing import FastestCompletion, RoutingPolicy

if TYPE_CHECKING:
    from .journal import Journal

__all__ = ["BrokerSettings", "DeviceBroker", "WorkResult"]


@final
class DeviceBroker:
    """Holds devices for the time of a ``with`` block.

    Parameters
    ----------
    devices
        What to hold; names differ.
    policy
        How to choose; None means `FastestCompletion`.
    journal
        Where paid work is recorded; needed for exactly-once across crashes.
    clock
        None means the machine's; a `VirtualClock` makes every time projected.
    ends_s
        Returns the seconds that are left until the pilot ends; None for no end.
    """

    def __init__(
        self,
        devices: Sequence[DeviceDescription],
        policy: RoutingPolicy | None = None,
        *,
        journal: Journal | None = None,
        clock: Clock | None = None,
        settings: BrokerSettings | None = None,
        ends_s: Callable[[], float | None] = lambda: None,
    ) -> None:
        names = [device.name for device in devices]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise InvalidDescription(
                f"device name = {twice[0]!r}: given twice; devices of a pilot have different names"
            )
        self._loop = make_loop(clock)
        self.clock = self._loop.clock
        self.settings = settings or BrokerSettings()
        self._policy = policy or FastestCompletion()
        self._journal = journal
        self._ends_s = ends_s
        self.lanes = {device.name: Lane(make(device, self.clock), journal) for device in devices}
        self._flights = Flights(self._loop, journal, self)
        self._moves = Moves(self.lanes, self._policy, self.settings)
        self._preparation = Preparation(self._loop, self.lanes, self.settings, self._prepared)
        self._waiting: deque[Unit] = deque()
        self._adopted: dict[str, Unit | None] = {}
        self._numbers = itertools.count()
        self._seen: dict[str, int] = {}
        self._dirty = False
        self._closed = False
        for lane in self.lanes.values():
            self._loop.post(self.refresh, lane)
        if journal is not None:
            self._loop.post(self._adopt, journal)

    def __enter__(self) -> DeviceBroker:
        """Return the broker."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close the broker."""
        self.close()

    def close(self) -> None:
        """End: circuits without result fail, sessions are closed, unpaid jobs cancelled; harmless when called twice.

        Paid jobs go on at the vendor, and the next broker with this journal collects them.
        """
        if self._closed:
            return
        self._closed = True
        self._loop.close(self._end)

    # Work.

    def run(self, circuits: Sequence[Any], *, shots: int, seed: int = 0, **how: Any) -> list[WorkResult]:
        """Run circuits and return their results in order; arguments and errors as in `submit`.

        Raises
        ------
        Exception
            The first failure in the order of the circuits.
        """
        futures = self.submit(circuits, shots=shots, seed=seed, **how)
        self.wait(futures)
        return [future.result() for future in futures]

    def submit(
        self,
        circuits: Sequence[Any],
        *,
        shots: int,
        seed: int = 0,
        seeds: Sequence[int] | None = None,
        request: DeviceRequest | None = None,
        key: str | None = None,
        told: Callable[[Decision], None] | None = None,
    ) -> list[Future[WorkResult]]:
        """Submit circuits, each with its final measurements.

        Parameters
        ----------
        shots
            Of each circuit.
        seed, seeds
            Of simulators: circuit ``i`` has ``seed + i``, or its own of ``seeds``.
        request
            What the device must have; None means anything wide enough.
        key
            Identity of this work in the journal: circuits are ``key/0``, ``key/1``, …. None takes the hash of circuit
            and shots, with its number among equal ones of this process.
        told
            Called with each decision about one of the circuits when it is made, in the broker's thread.

        Raises
        ------
        UnsatisfiableRequest
            As the future's exception: if no device of the pilot can ever run a circuit.
        BudgetExhausted
            As the future's exception: if the budgets of all fitting devices are used up.
        """
        if self._closed:
            raise ManagerClosed("this DeviceBroker was closed")
        if shots < 1:
            raise InvalidDescription(f"shots = {shots}: must be 1 or more")
        now = self.clock.now()
        wanted = request or DeviceRequest()
        units = []
        for index, circuit in enumerate(circuits):
            own = seeds[index] if seeds is not None else seed + index
            name = f"{key}/{index}" if key is not None else self._content_key(circuit, shots)
            units.append(Unit(next(self._numbers), name, circuit, shots, own, wanted, now, told=told))
        self._loop.post(self._absorb, units)
        return [unit.future for unit in units]

    def wait(self, futures: Sequence[Future[WorkResult]], timeout_s: float | None = None) -> None:
        """Wait for results; on a virtual clock this is what makes time pass.

        Raises
        ------
        TimeoutError
            After ``timeout_s`` seconds of the broker's clock.
        """
        if isinstance(self.clock, VirtualClock):
            limit = 1e9 if timeout_s is None else self.clock.now() + timeout_s
            done = self.clock.run(lambda: all(future.done() for future in futures), limit)
        else:
            done = not wait(futures, timeout_s).not_done
        if not done:
            raise TimeoutError(f"{sum(not future.done() for future in futures)} circuits without result")

    def facts(self) -> list[DeviceFacts]:
        """Return what is known of each device, without asking."""
        return [lane.known for lane in self.lanes.values() if lane.known]

    def _content_key(self, circuit: Any, shots: int) -> str:
        if self._journal is None:
            return ""
        from io import BytesIO

        from qiskit import qpy

        plain = circuit.copy()
        plain.name, plain.metadata = "", {}
        buffer = BytesIO()
        qpy.dump(plain, buffer)
        digest = sha256(buffer.getvalue() + str(shots).encode()).hexdigest()
        self._seen[digest] = self._seen.get(digest, 0) + 1
        return f"{digest}#{self._seen[digest]}"

    # The loop's side.

    def _absorb(self, units: list[Unit]) -> None:
        for unit in units:
            known = self._journal.result(unit.key) if self._journal is not None else None
            if known is not None:
                now = self.clock.now()
                unit.note(now, "", "recover", "its counts are in the journal")
                decisions = tuple(unit.decisions)
                unit.future.set_result(
                    WorkResult(known, "", "", unit.submitted_s, now, now, decisions=decisions, recovered=True)
                )
            elif unit.key in self._adopted:
                self._adopted[unit.key] = unit
                unit.note(self.clock.now(), "", "recover", "its job was sent before a crash")
                self._flights.claim(unit)
            else:
                self._preparation.begin(unit)
        for lane in self.lanes.values():
            self.refresh(lane)

    def _prepared(self, unit: Unit | None) -> None:
        """Take a circuit that some device can run; None says that a waiting one has got another device."""
        if unit is not None:
            self._waiting.append(unit)
        self.changed()

    def changed(self) -> None:
        """Route again soon."""
        if not self._dirty:
            self._dirty = True
            self._loop.post(self._route)

    def give_back(self, units: Sequence[Unit], device: str, action: str, reason: str) -> None:
        """Let circuits wait again, before all others."""
        now = self.clock.now()
        for unit in reversed(units):
            unit.note(now, device, action, reason)
            if unit.attempts >= self.settings.attempts:
                unit.fail(now, UnsatisfiableRequest(f"given up after {unit.attempts} attempts: {reason}"))
            else:
                self._waiting.appendleft(unit)
        self.changed()

    def _route(self) -> None:
        self._dirty = False
        backlog = {name: Planned() for name in self.lanes}
        plans: dict[str, list[Unit]] = {name: [] for name in self.lanes}
        kept: deque[Unit] = deque()
        while self._waiting:
            unit = self._waiting.popleft()
            if not self._place(unit, backlog, plans):
                kept.append(unit)
            if not any(self._open(lane, plans, backlog) for lane in self.lanes.values()):
                break
        self._waiting.extendleft(reversed(kept))
        for name, units in plans.items():
            self._send(self.lanes[name], units)
        self._keep_looking()

    def _keep_looking(self) -> None:
        """Look at every device now and then as long as circuits are on their way."""
        if self._waiting or any(lane.flights for lane in self.lanes.values()):
            for lane in self.lanes.values():
                if not lane.look_planned:
                    lane.look_planned = True
                    self._loop.after(self.settings.refresh_s, self._look_again, lane)

    def _open(self, lane: Lane, plans: dict[str, list[Unit]], backlog: dict[str, Planned]) -> bool:
        room = lane.room(backlog[lane.name].run_s) * lane.batch
        return len(plans[lane.name]) < room and (lane.online or not self._policy.adaptive)

    def _place(self, unit: Unit, backlog: dict[str, Planned], plans: dict[str, list[Unit]]) -> bool:
        """Plan a circuit for a device with room; return False if it goes on waiting (or has failed)."""
        now = self.clock.now()
        offers = offers_for(unit, self.lanes, now=now, left_s=self._ends_s(), backlog=backlog)
        if not offers:
            against = reasons_against(unit, self.lanes)
            if against is not None:
                unit.fail(now, BudgetExhausted(f"nothing was sent: {against}"))
                return True
            return False
        route = self._policy.route(unit.number, offers) if unit.fixed is None else None
        device = unit.fixed if route is None else route.device
        reason = "as chosen before" if route is None else route.reason
        if not self._policy.adaptive:
            unit.fixed = device
        if device is None:
            unit.note(now, "", "wait", reason)
            return False
        lane = self.lanes[device]
        forecast = lane.device.forecast(unit.compiled[device], unit.shots)
        is_open = self._open(lane, plans, backlog)
        backlog[device].add(unit.shots, forecast, lane.batch)
        if not lane.online or not is_open:
            unit.note(now, device, "wait", f"{reason}; it has no room yet")
            return False
        unit.note(now, device, "send", reason)
        plans[device].append(unit)
        return True

    def _send(self, lane: Lane, units: list[Unit]) -> None:
        """Cut circuits into jobs: of equal shots, not more than the device takes."""
        groups: dict[Any, list[Unit]] = {}
        for unit in units:
            groups.setdefault(unit.number if unit.alone else ("shots", unit.shots), []).append(unit)
        for group in groups.values():
            for start in range(0, len(group), lane.batch):
                part = group[start : start + lane.batch]
                if lane.room():
                    self._flights.send(lane, part)
                else:
                    self._waiting.extendleft(reversed(part))

    def reconsider(self, lane: Lane, flight: Flight) -> None:
        """Withdraw a job that waits at a vendor if its circuits would do better elsewhere."""
        if not self._policy.adaptive or flight.withdrawn or not flight.units:
            return
        move = self._moves.of(lane, flight, now=self.clock.now(), left_s=self._ends_s())
        if move is not None:
            self.lanes[move.device].promised[flight.job.tag] = flight.run_s
            self._flights.withdraw(lane, flight, move.reason, moving=move.moving)

    # What is known of devices.

    def refresh(self, lane: Lane) -> None:
        """Look at a device, unless that is being done."""
        if not lane.refreshing and not self._closed:
            lane.refreshing = True
            self._loop.effect(lane.name, lane.device.facts, lambda facts, error: self._looked(lane, facts, error))

    def _look_again(self, lane: Lane) -> None:
        lane.look_planned = False
        self.refresh(lane)

    def _looked(self, lane: Lane, facts: DeviceFacts | None, error: BaseException | None) -> None:
        lane.refreshing = False
        before = lane.facts
        lane.facts, lane.ahead_s = facts, 0.0
        lane.known = facts or lane.known
        lane.trouble = str(error) if facts is None else facts.note
        lane.pause_s = self.settings.retry_s if facts is not None else min(2 * lane.pause_s, self.settings.refresh_s)
        if facts is None and not lane.look_planned:
            lane.look_planned = True
            self._loop.after(lane.pause_s, self._look_again, lane)
        self.changed()
        if before is None or facts is None or _differs(before, facts):
            for flight in list(lane.flights.values()):
                if flight.job_id is not None and not flight.view.state.final:
                    self._flights.look_soon(lane, flight)

    # The end, and what an earlier process left.

    def _adopt(self, journal: Journal) -> None:
        for job in journal.open_jobs():
            lane = self.lanes.get(job.device)
            if lane is not None:
                self._adopted.update(dict.fromkeys(job.keys))
                self._flights.adopt(lane, job)

    def released(self, keys: Sequence[str]) -> None:
        """Take back that a job of an earlier process brings these: it was never accepted."""
        for key in keys:
            unit = self._adopted.pop(key, None)
            if unit is not None:
                self._preparation.begin(unit)

    def _end(self) -> None:
        closing = ManagerClosed("the DeviceBroker was closed before this circuit had a result")
        flying = (unit for lane in self.lanes.values() for flight in lane.flights.values() for unit in flight.units)
        for unit in [*self._waiting, *flying]:
            unit.fail(self.clock.now(), closing)
        for lane in self.lanes.values():
            self._flights.end(lane)


def _differs(before: DeviceFacts, now: DeviceFacts) -> bool:
    return (before.online, before.calibrated_s, before.error_2q) != (now.online, now.calibrated_s, now.error_2q)
