"""The doors of cirq and mitiq. Driver side; some seconds when first called."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def cirq_and_mitiq() -> tuple[Any, Any]:
    """Return both modules.

    mitiq imports every quantum library that it finds, to name their circuits' types; PennyLane, which nothing here
    needs, would double that time, so it is not found meanwhile.

    Raises
    ------
    ImportError
        If one of them is not installed.
    """
    hidden = "pennylane" not in sys.modules
    if hidden:
        sys.modules["pennylane"] = None  # type: ignore[assignment]  # which makes its import an ImportError
    try:
        import cirq
        import mitiq
        import mitiq.ddd
        import mitiq.pec
        import mitiq.rem
        import mitiq.zne
    finally:
        if hidden:
            del sys.modules["pennylane"]
    return cirq, mitiq
