"""Compilation of a circuit for every device that may run it, off the devices' time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import UnsatisfiableRequest
from ._loops import Loop
from ._settings import BrokerSettings
from ._work import Lane, Unit
from .base import DeviceError, unfit


class Preparation:
    """Makes work items ready.

    Parameters
    ----------
    ready
        Called with a circuit when some device can run it, and with None when a waiting one has got another device.
    """

    def __init__(
        self,
        loop: Loop,
        lanes: Mapping[str, Lane],
        settings: BrokerSettings,
        ready: Callable[[Unit | None], None],
    ) -> None:
        self._loop = loop
        self._lanes = lanes
        self._settings = settings
        self._ready = ready

    def begin(self, unit: Unit) -> None:
        """Compile for every device; what cannot be reached is asked again, and joins later."""
        unit.unresolved = set(self._lanes)
        for lane in self._lanes.values():
            self._compile(lane, unit)

    def _compile(self, lane: Lane, unit: Unit) -> None:
        def then(found: Any, error: BaseException | None) -> None:
            self._tried(lane, unit, found, error)

        if not unit.future.done():
            self._loop.effect(f"{lane.name}/compile", lambda: self._try(lane, unit), then)

    def _try(self, lane: Lane, unit: Unit) -> Any:
        wanted = unit.request
        if wanted.name not in (None, lane.name):  # known without asking a device that may be out of reach
            return lane.known, f"its name is not {wanted.name!r}"
        facts = lane.known or lane.device.facts()
        reason = unfit(facts, wanted)
        if reason is None and unit.circuit.num_qubits > facts.n_qubits:
            reason = f"it has {facts.n_qubits} qubits, the circuit {unit.circuit.num_qubits}"
        if reason is None and facts.max_shots is not None and unit.shots > facts.max_shots:
            reason = f"it takes {facts.max_shots} shots, {unit.shots} are asked"
        return facts, reason if reason is not None else lane.device.compile(unit.circuit)

    def _tried(self, lane: Lane, unit: Unit, found: Any, error: BaseException | None) -> None:
        if isinstance(error, DeviceError) and error.retriable:
            unit.unreachable.add(lane.name)
            self._loop.after(self._settings.retry_s, self._compile, lane, unit)
        else:
            unit.unresolved.discard(lane.name)
            unit.unreachable.discard(lane.name)
            self._note_fit(lane, unit, found, error)
        if unit.queued:
            self._ready(None)
        elif unit.unresolved - unit.unreachable:
            return
        elif unit.compiled:
            unit.queued = True
            self._ready(unit)
        elif unit.unreachable:
            unit.note(self._loop.clock.now(), lane.name, "wait", str(error))
        else:
            reasons = "; ".join(f"{name!r}: {reason}" for name, reason in unit.unfit.items())
            refusal = UnsatisfiableRequest(f"no device of this pilot can ever run the circuit: {reasons}")
            unit.fail(self._loop.clock.now(), refusal)

    def _note_fit(self, lane: Lane, unit: Unit, found: Any, error: BaseException | None) -> None:
        if error is not None:
            unit.unfit[lane.name] = f"it cannot compile the circuit: {error}"
            return
        lane.known = lane.known or found[0]
        if isinstance(found[1], str):
            unit.unfit[lane.name] = found[1]
        else:
            unit.compiled[lane.name] = found[1]
