"""What IBM's devices take from the provider's own error suppression, as far as that can be tried without its cloud."""

from __future__ import annotations

from typing import Any

import pytest

from pilot_quantum import DeviceDescription, InvalidDescription
from pilot_quantum.devices import make


def _described(sampler: dict[str, Any]) -> DeviceDescription:
    return DeviceDescription("qpu", "ibm", "shared", {"local": "generic:2", "sampler": sampler})


def test_options_of_the_sampler_are_checked_before_anything_is_sent() -> None:
    make(_described({"dynamical_decoupling": {"enable": True, "sequence_type": "XpXm"}, "twirling": {}})).close()
    for wrong in ({"resilience_level": 2}, {"dynamical_decoupling": {"enable": "perhaps"}}, {"twirling": {"x": 1}}):
        with pytest.raises(InvalidDescription, match="refused by qiskit-ibm-runtime"):
            make(_described(wrong))
