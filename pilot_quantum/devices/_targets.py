"""Recorded and made-up devices by name: their Qiskit backends with ``Target`` and calibration."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from ..errors import InvalidDescription
from ._importing import IMPORTING

GENERIC: Final = "generic:"


def backend_called(name: str) -> Any:
    """Return a backend: a snapshot of qiskit-ibm-runtime (``"FakeSherbrooke"``) or ``"generic:N"`` with N qubits.

    Raises
    ------
    InvalidDescription
        If there is none of that name.
    """
    with IMPORTING:
        return _backend_called(name)


@lru_cache(maxsize=16)
def _backend_called(name: str) -> Any:
    if name.startswith(GENERIC):
        from qiskit.providers.fake_provider import GenericBackendV2

        digits = name.removeprefix(GENERIC)
        if not digits.isdigit() or int(digits) < 2:
            raise InvalidDescription(f"target = {name!r}: generic:N needs a number of qubits of 2 or more")
        return GenericBackendV2(int(digits), seed=11)
    try:
        from qiskit_ibm_runtime import fake_provider
    except ImportError as error:
        hint = "pip install 'qhpc-miniapps[ibm]'"
        raise InvalidDescription(
            f"target = {name!r}: recorded devices come with qiskit-ibm-runtime ({hint})"
        ) from error
    made = getattr(fake_provider, name, None)
    if not name.startswith("Fake") or made is None:
        some = "FakeSherbrooke, FakeBrisbane, FakeTorino, FakeManilaV2"
        raise InvalidDescription(f"target = {name!r}: must be generic:N or a recorded device such as {some}")
    return made()


@lru_cache(maxsize=16)
def target_called(name: str) -> Any:
    """Return the ``Target`` of `backend_called` without what is broken by its calibration (errors of 1/2 or more)."""
    from qiskit.transpiler import Target

    given = backend_called(name).target
    made = Target(num_qubits=given.num_qubits, dt=given.dt, qubit_properties=given.qubit_properties)
    for operation_name in given.operation_names:
        operation = given.operation_from_name(operation_name)
        if isinstance(operation, type):  # control flow, which is global
            made.add_instruction(operation, name=operation_name)
            continue
        everywhere = given[operation_name]
        working = {
            qubits: properties
            for qubits, properties in everywhere.items()
            if qubits is None or properties is None or (properties.error or 0.0) < 0.5 or operation_name == "measure"
        }
        made.add_instruction(operation, working, name=operation_name)
    return made
