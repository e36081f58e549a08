"""Devices that a batch system gave to the pilot's job: which of them the pilot uses, and how.

A device that is described with ``resource`` is used if the job was given that resource. With
``device_options.scheduled = true`` every other one that QRMI's plug-in names is used as well, if a kind of device
speaks its type. Licences and generic resources say no more than a name, so they need a description.

What QRMI says of a resource (addresses, keys, the session it has opened) stays in this process's memory, where the
device of that resource asks for it: it is in no description, trace, log or record.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

from ..descriptions import DeviceDescription
from ..errors import PilotFailed

if TYPE_CHECKING:
    from ..launchers.qpus import Qpu

_log = logging.getLogger(__name__)
KINDS: Final = {
    "qiskit-runtime-service": "ibm",
    "ibm-quantum-compute-service": "ibm",
    "ionq-cloud": "ionq",
}
"""Kinds of devices by QRMI's resource types; the name of such a resource is the vendor's name of the backend."""
SESSION: Final = "JOB_ACQUISITION_TOKEN"
"""Setting that holds the session which the plug-in has opened for the job."""
_granted: dict[int, Mapping[str, str]] = {}
"""Settings by the identity of a description that `given` has made: two jobs may be given a resource of one name."""


def given(described: Sequence[DeviceDescription], qpus: Sequence[Qpu], *, every: bool) -> tuple[DeviceDescription, ...]:
    """Return the devices that a pilot has, those of the batch system included.

    Parameters
    ----------
    described
        From the pilot's description.
    qpus
        What the batch system gave to its job.
    every
        Whether also what no description names.

    Raises
    ------
    PilotFailed
        If the job was not given a resource that a description names, or has nothing that can be used.
    """
    by_name = {qpu.name: qpu for qpu in qpus}
    for device in described:
        if device.resource and device.resource not in by_name:
            raise PilotFailed(
                f"device {device.name!r}: the batch system gave the job no resource {device.resource!r}; {_told(qpus)}"
            )
    taken = {name for device in described for name in (device.name, device.resource)}
    others = [qpu for qpu in qpus if every and qpu.source == "qrmi" and qpu.name not in taken]
    unknown = [_unknown(qpu) for qpu in others if qpu.kind not in KINDS]
    for line in unknown:
        _log.warning("%s", line)
    found = (*described, *(_of(qpu) for qpu in others if qpu.kind in KINDS))
    if every and not found:
        raise PilotFailed("; ".join(unknown) or f"device_options.scheduled: no device is left to use; {_told(qpus)}")
    made = tuple(replace(device) for device in found)
    _granted.update({id(device): by_name[device.resource].settings for device in made if device.resource})
    return made


def returned(devices: Sequence[DeviceDescription]) -> None:
    """Forget what was said of devices that `given` has made; harmless for others."""
    for device in devices:
        _granted.pop(id(device), None)


def settings_of(device: DeviceDescription) -> Mapping[str, str]:
    """Return what QRMI says of a device's resource, by QRMI's names without ``<resource>_QRMI_``; empty without one."""
    return _granted.get(id(device), {})


def _of(qpu: Qpu) -> DeviceDescription:
    access: Literal["session", "shared"] = "session" if SESSION in qpu.settings else "shared"
    return DeviceDescription(qpu.name, KINDS[qpu.kind], access, {"backend": qpu.name}, resource=qpu.name)


def _unknown(qpu: Qpu) -> str:
    return (
        f"QRMI resource {qpu.name!r} of type {qpu.kind!r} is not used: no kind of device speaks that type; valid: "
        f"{', '.join(KINDS)} (or describe a device with resource = {qpu.name!r})"
    )


def _told(qpus: Sequence[Qpu]) -> str:
    told = ", ".join(f"{qpu.name!r} ({qpu.source}{f', {qpu.kind}' if qpu.kind else ''})" for qpu in qpus)
    return f"it gave {told}" if told else "it gave none"
