"""The devices of one pilot: their broker, and the gateway through which the tasks of the pilot's workers reach it."""

from __future__ import annotations

import logging
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Listener
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

from .._registry import check_options
from ..descriptions import DeviceDescription, DeviceRequest
from ..errors import InvalidDescription, UnsatisfiableRequest
from . import load
from ._decisions import DecisionLog
from ._importing import import_all
from ._work import Decision
from .base import unfit
from .broker import BrokerSettings, DeviceBroker
from .clock import RealClock, VirtualClock
from .journal import Journal
from .routing import POLICIES, RoutingPolicy, Weighted
from .scheduled import given, returned
from .task_device import DeviceTicket, unpacked

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from ..launchers.qpus import Qpu
    from ..trace import RoutingDecision

_log = logging.getLogger(__name__)
OPTIONS: Final = {
    "policy": str,
    "weight": float,
    "floor": float,
    "share": float,
    "journal": str,
    "clock": str,
    "refresh_s": float,
    "reroute_s": float,
    "scheduled": bool,
}
"""``device_options`` of a pilot: ``policy`` (fastest, fidelity, weighted, cheapest); ``weight``, ``floor`` and
``share`` of the weighted one; ``journal`` (file of paid work); ``clock`` (real or virtual); two of `BrokerSettings`;
``scheduled`` (also the devices that a batch system gives to the job, see `scheduled`)."""


@final
class DeviceHub:
    """Holds the devices of a pilot from `start` to `close`.

    Parameters
    ----------
    devices, options
        From the pilot's description.
    left_s
        Returns the seconds that the pilot has left; None for no end.

    Raises
    ------
    InvalidDescription
        If a kind, an option or a policy is unknown.
    """

    def __init__(
        self,
        devices: Sequence[DeviceDescription],
        options: Mapping[str, Any],
        left_s: Callable[[], float | None] = lambda: None,
    ) -> None:
        check_options("device", "pilot", options, OPTIONS)
        self._devices = tuple(devices)
        self._options = dict(options)
        self._left_s = left_s
        self._every = bool(self._options.get("scheduled", False))
        self._policy = _policy(self._options)
        clock = str(self._options.get("clock", "real"))
        if clock not in ("real", "virtual"):
            raise InvalidDescription(f"device_options.clock = {clock!r}: must be real or virtual")
        self._virtual = clock == "virtual"
        for device in self._devices:
            made = load(device.kind)(device, VirtualClock() if self._virtual else RealClock())
            import_all(made.libraries)  # here, in the thread that asks for the pilot: see `_importing`
            made.close()
        self._turn = threading.Lock()
        self._log = DecisionLog()
        self._directory: str | None = None
        self._listener: Listener | None = None
        self._journal: Journal | None = None
        self.broker: DeviceBroker | None = None

    @property
    def projected(self) -> bool:
        """Whether the devices' times are simulated."""
        return self._virtual

    @property
    def asks_the_batch_system(self) -> bool:
        """Whether some devices are a batch system's to give."""
        return self._every or any(device.resource for device in self._devices)

    def start(self, qpus: Sequence[Qpu] = ()) -> None:
        """Open the broker and the gateway.

        Parameters
        ----------
        qpus
            Devices that a batch system gave to the pilot's job.

        Raises
        ------
        PilotFailed
            If a device that is a batch system's to give was not given.
        """
        if self.asks_the_batch_system:
            self._devices = given(self._devices, qpus, every=self._every)
        clock = VirtualClock() if self._virtual else RealClock()
        journal = self._options.get("journal")
        self._journal = Journal(str(journal)) if journal is not None else None
        usual = BrokerSettings()
        settings = replace(
            usual,
            refresh_s=float(self._options.get("refresh_s", usual.refresh_s)),
            reroute_s=float(self._options.get("reroute_s", usual.reroute_s)),
        )
        self.broker = DeviceBroker(
            self._devices,
            self._policy,
            journal=self._journal,
            clock=clock,
            settings=settings,
            ends_s=self._left_s,
        )
        self._directory = tempfile.mkdtemp(prefix="pq-devices-")  # of this user alone (0700): nobody else can connect
        self._listener = Listener(str(Path(self._directory) / "gateway"), family="AF_UNIX", backlog=64)
        threading.Thread(target=self._listen, args=(self._listener,), name="pilot-devices", daemon=True).start()

    def close(self) -> None:
        """Close broker and gateway; harmless when called twice."""
        broker, listener, directory, journal = self.broker, self._listener, self._directory, self._journal
        self._listener = self._directory = self._journal = None
        if listener is not None:
            listener.close()
        if broker is not None:
            broker.close()
        returned(self._devices)
        if journal is not None:
            journal.close()
        if directory is not None:
            shutil.rmtree(directory, ignore_errors=True)

    def ticket(self, request: DeviceRequest, tasks: Sequence[tuple[int, int]]) -> DeviceTicket | None:
        """Return what tasks (number, attempt) of this pilot need to reach its devices; None when there are none."""
        listener = self._listener
        return None if listener is None else DeviceTicket(str(listener.address), request, tuple(tasks))

    def decisions(self, task: int, attempt: int = 1) -> tuple[RoutingDecision, ...]:
        """Return why the circuits of an attempt of a task ran where they did, or did not run."""
        return self._log.of((task, attempt))

    def problem(self, request: DeviceRequest) -> str | None:
        """Return why no device of this pilot can ever serve a request, as far as is known; None if one may."""
        if self._every and self.broker is None:
            return None  # what it will hold is known only once the job runs
        lanes = self.broker.lanes if self.broker is not None else {}
        reasons = []
        for device in self._devices:
            lane = lanes.get(device.name)
            facts = lane.known if lane is not None else None
            if facts is not None:
                reason = unfit(facts, request)
            else:
                named = request.name is None or request.name == device.name
                reason = None if named else f"its name is not {request.name!r}"
            if reason is None:
                return None
            reasons.append(f"device {device.name!r}: {reason}")
        return "; ".join(reasons) or "it holds no quantum device"

    # The gateway.

    def _listen(self, listener: Listener) -> None:
        while True:
            try:
                connection = listener.accept()
            except (OSError, EOFError):
                return
            threading.Thread(target=self._serve, args=(connection,), name="pilot-device-task", daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        with connection:
            while True:
                try:
                    question = connection.recv()
                    connection.send(self._answer(question))
                except (OSError, EOFError):
                    return

    def _answer(self, question: tuple[Any, ...]) -> tuple[str, Any]:
        verb, *rest = question
        try:
            if verb == "run":
                return self._run(*rest)
            local = self._local_choice(rest[0])
            return ("none", None) if local is None else ("local", local)
        except Exception as error:  # noqa: BLE001 - whatever it is, the task that asked gets it
            return "error", _portable(error)

    def _run(self, *question: Any) -> tuple[str, Any]:
        packed, shots, seeds, request, key, task = question
        broker = self.broker
        if broker is None:
            raise UnsatisfiableRequest("the pilot has no devices")
        note = partial(self._log.note, task, broker.clock)
        try:
            local = self._local_choice(request)
        except UnsatisfiableRequest as error:
            note(Decision(broker.clock.now(), "", "stop", str(error)), circuits=len(seeds))
            raise
        if local is not None:
            reason = "a simulator in the worker's own process"
            note(Decision(broker.clock.now(), local.name, "send", reason), circuits=len(seeds))
            return "local", local
        with self._turn if self._virtual else nullcontext():  # one caller at a time makes simulated time pass
            circuits = unpacked(packed)
            return "ok", broker.run(circuits, shots=shots, seeds=seeds, request=request, key=key, told=note)

    def _local_choice(self, request: DeviceRequest) -> DeviceDescription | None:
        """Return the first fitting device if all that fit compute in the calling process; None otherwise."""
        fitting = [d for d in self._devices if request.name is None or d.name == request.name]
        if not fitting or not all(load(device.kind).local for device in fitting):
            return None
        broker = self.broker
        reasons = []
        for device in fitting:
            lane = broker.lanes[device.name] if broker is not None else None
            facts = (lane.known or lane.device.facts()) if lane is not None else None
            reason = unfit(facts, request) if facts is not None else None
            if reason is None:
                return device
            reasons.append(f"{device.name!r}: {reason}")
        raise UnsatisfiableRequest(f"no device of this pilot fits: {'; '.join(reasons)}")


def _policy(options: Mapping[str, Any]) -> RoutingPolicy:
    name = str(options.get("policy", "fastest"))
    if name not in POLICIES:
        raise InvalidDescription(f"device_options.policy = {name!r}: must be one of {', '.join(POLICIES)}")
    numbers = {key: float(options[key]) for key in ("weight", "floor", "share") if key in options}
    if name == "weighted":
        return Weighted(**numbers)
    if numbers:
        raise InvalidDescription(
            f"device_options.{next(iter(numbers))}: belongs to the policy 'weighted', not {name!r}"
        )
    return POLICIES[name]()


def _portable(error: Exception) -> Exception:
    """Return an exception that can travel to the worker."""
    import pickle

    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - made on this line
    except Exception:  # noqa: BLE001 - some exceptions do not pickle
        return UnsatisfiableRequest(f"{type(error).__name__}: {error}")
    return error
