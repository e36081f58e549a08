"""The doors of cirq and mitiq. Driver side; some seconds when first called."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any

from .._app import Unsupported


@lru_cache(maxsize=1)
def cirq_and_mitiq() -> tuple[Any, Any]:
    """Return both modules.

    mitiq imports every quantum library that it finds, to name their circuits' types; PennyLane, which nothing here
    needs, would double that time, so it is not found meanwhile.

    Raises
    ------
    miniapps.Unsupported
        If one of them is not installed, or mitiq is the empty placeholder of version 0.0.0.
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
    except ImportError as error:
        hint = "pip install 'qhpc-miniapps[motifs]', for Python below 3.14"
        raise Unsupported(f"error mitigation needs cirq and mitiq 1.1 or later ({error}): {hint}") from error
    finally:
        if hidden:
            del sys.modules["pennylane"]
    return cirq, mitiq
