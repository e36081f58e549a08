"""Several devices of unequal speed, each of which runs one task at a time. Driver side.

A device is a place in a list: while it has a task in flight it gets no other. Its circuits are computed by whichever
worker is free; the time that the device would take for them is emulated by holding that worker, which costs no core.
Real devices take the same place once a task names one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, final

from pydantic import Field, model_validator

from .._app import Params, Unsupported
from .params import VariationalParams, unit

if TYPE_CHECKING:
    from pilot_quantum import Runtime, Task, TaskDescription

MOST_DEVICES: Final = 256


class EmulatedDevices(Params):
    """How many devices, and how fast each is."""

    devices: int | None = Field(
        None, ge=1, le=MOST_DEVICES, description="that run circuits; not given: as many as workers"
    )
    circuit_s: float = Field(
        0.0,
        ge=0,
        le=3600,
        allow_inf_nan=False,
        description="time that a device takes for a circuit, emulated; 0 = as fast as its worker computes",
        json_schema_extra=unit("s"),
    )
    slow_devices: int = Field(0, ge=0, description="of the devices, how many are slower")
    slow_factor: float = Field(4.0, ge=1, le=1000, description="how many times slower they are")

    @model_validator(mode="after")
    def _device_rules(self) -> EmulatedDevices:
        if self.slow_devices and not self.circuit_s:
            raise ValueError(f"slow_devices = {self.slow_devices}: only emulated devices can be slower; give circuit_s")
        if self.devices is not None and self.slow_devices > self.devices:
            raise ValueError(f"slow_devices = {self.slow_devices}: there are {self.devices} devices")
        return self

    def circuit_seconds(self, workers: int) -> list[float]:
        """Return the emulated time of a circuit on each device, the slow ones last.

        Raises
        ------
        miniapps.Unsupported
            If there are fewer workers than devices, so that they could not be busy at the same time.
        """
        count = self.devices or workers
        if count > workers:
            raise Unsupported(f"devices = {count}: the pilots have {workers} worker(s), and each device occupies one")
        fast = count - self.slow_devices
        return [self.circuit_s * (1.0 if device < fast else self.slow_factor) for device in range(count)]


class DeviceParams(EmulatedDevices, VariationalParams):
    """Which problem, and how many devices work on it, how fast each."""


@dataclass(frozen=True, slots=True)
class Done:
    """A task that has ended: on which device, with what, or how it failed; and how long the device was busy with it."""

    device: int
    label: Any
    result: Any
    error: BaseException | None
    busy_s: float = 0.0


@final
class Devices:
    """Hands tasks to idle devices and returns them as they end.

    Parameters
    ----------
    runtime
        Where tasks go.
    circuit_s
        Emulated seconds of a circuit on each device.
    """

    def __init__(self, runtime: Runtime, circuit_s: list[float]) -> None:
        self.circuit_s = circuit_s
        self.busy_s = [0.0] * len(circuit_s)
        self._runtime = runtime
        self._flying: dict[Task, tuple[int, Any]] = {}

    def __len__(self) -> int:
        return len(self.circuit_s)

    def idle(self) -> list[int]:
        """Return the devices without a task."""
        taken = {device for device, _ in self._flying.values()}
        return [device for device in range(len(self)) if device not in taken]

    @property
    def flying(self) -> int:
        """Number of tasks that have not come back."""
        return len(self._flying)

    def start(self, device: int, task: TaskDescription | Callable[..., Any], *args: Any, label: Any = None) -> None:
        """Give an idle device a task, whose function must return ``(result, busy seconds)``."""
        self._flying[self._runtime.submit(task, *args)] = (device, label)

    def next(self) -> Done:
        """Wait for a task to end; at least one must be in flight."""
        task = next(iter(self._runtime.as_completed(self._flying)))
        device, label = self._flying.pop(task)
        error = task.exception()
        if error is not None:
            return Done(device, label, None, error)
        result, busy_s = task.result()
        self.busy_s[device] += busy_s
        return Done(device, label, result, None, busy_s)
