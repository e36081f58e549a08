"""Devices: what runs circuits, how it is reached, and which one is chosen.

Outsiders add a kind in the entry-point group ``pilot_quantum.devices``. Importing this loads no quantum library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._registry import load_member, member_names
from .base import (
    ACCESS_MODES,
    AbstractDevice,
    BudgetExhausted,
    Compiled,
    Counts,
    DeviceError,
    DeviceFacts,
    DeviceJob,
    DeviceUnavailable,
    Forecast,
    JobState,
    JobView,
    ReplyLost,
    SessionExpired,
)
from .clock import Clock, RealClock, VirtualClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..descriptions import DeviceDescription, DeviceRequest, PilotDescription
    from ..launchers.base import AbstractLauncher
    from .hub import DeviceHub

__all__ = [
    "ACCESS_MODES",
    "AbstractDevice",
    "BudgetExhausted",
    "Clock",
    "Compiled",
    "Counts",
    "DeviceError",
    "DeviceFacts",
    "DeviceJob",
    "DeviceUnavailable",
    "Forecast",
    "JobState",
    "JobView",
    "RealClock",
    "ReplyLost",
    "SessionExpired",
    "VirtualClock",
    "close_hub",
    "load",
    "make",
    "names",
    "no_device",
    "open_hub",
    "start_hub",
]

_GROUP = "pilot_quantum.devices"
_BUILT_IN = {
    "aer": "pilot_quantum.devices.aer:AerDevice",
    "emulated": "pilot_quantum.devices.emulated:EmulatedDevice",
    "ibm": "pilot_quantum.devices.ibm:IbmDevice",
    "ionq": "pilot_quantum.devices.ionq:IonqDevice",
    "pennylane": "pilot_quantum.devices.pennylane:PennylaneDevice",
    "braket": "pilot_quantum.devices.braket:BraketDevice",
}


def names() -> tuple[str, ...]:
    """Return the names of all kinds of devices, sorted."""
    return member_names(_GROUP, _BUILT_IN)


def load(kind: str) -> type[AbstractDevice]:
    """Return the class of a kind of device; raises InvalidDescription if there is none."""
    device: type[AbstractDevice] = load_member(_GROUP, _BUILT_IN, kind)
    return device


def make(description: DeviceDescription, clock: Clock | None = None) -> AbstractDevice:
    """Return a device; raises InvalidDescription if its kind or an option is unknown, or its library is missing."""
    return load(description.kind)(description, clock or RealClock())


def open_hub(description: PilotDescription, left_s: Callable[[], float | None]) -> DeviceHub | None:
    """Return the hub of a pilot's devices, not started; None if it has none. Errors: see `DeviceHub`."""
    if not description.devices and not description.device_options.get("scheduled"):
        return None
    from .hub import DeviceHub

    return DeviceHub(description.devices, description.device_options, left_s)


def start_hub(hub: DeviceHub | None, launcher: AbstractLauncher) -> None:
    """Start the hub of a pilot that has one, whose launcher has got its resources."""
    if hub is not None:
        hub.start(launcher.qpus if hub.asks_the_batch_system else ())


def close_hub(hub: DeviceHub | None) -> None:
    """Close the hub of a pilot that has one."""
    if hub is not None:
        hub.close()


def no_device(hub: DeviceHub | None, request: DeviceRequest) -> str | None:
    """Return why a pilot can never serve a request, as a clause; None if it may."""
    return "it holds no quantum device" if hub is None else hub.problem(request)
