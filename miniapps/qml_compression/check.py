"""Does each circuit prepare the state it claims to? A seeded sample is simulated again, gate by gate.

Driver side, outside every timed stage. The circuit is written as a list of RY and CX gates and run on the dense
simulator of `miniapps._circuits`, which shares no code with the fit; its fidelity with the encoded image, made anew,
must be the stated one. Any missing or impossible number fails as well.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final

import numpy as np

from .._app import Measurement, Verdict
from .._circuits import dense
from .._qml import ansatz
from .flow import batches, recipe
from .kernels import Fitted, targets

if TYPE_CHECKING:
    from .params import QmlCompression

TOLERANCE: Final = 1e-9
_FEWEST: Final = 2
_STREAM: Final = 3


def check(params: QmlCompression, measurement: Measurement) -> Verdict:
    """Simulate a sample of the circuits and compare their fidelities with the stated ones."""
    answer: Fitted = measurement.answer
    wrong = _malformed(params, answer)
    if wrong:
        return Verdict("fail", "shape", detail=wrong)
    if params.check_fraction == 0:
        return Verdict("unchecked", detail="check_fraction = 0")
    chosen = sample(params)
    again = [refidelity(params, answer, index) for index in chosen]
    stated = answer.fidelities[chosen]
    worst = int(np.argmax(np.abs(stated - again)))
    passed = abs(stated[worst] - again[worst]) <= TOLERANCE
    return Verdict(
        "pass" if passed else "fail",
        "dense state vector, gate by gate",
        float(stated[worst]),
        float(again[worst]),
        TOLERANCE,
        f"fidelity of {len(chosen)} of {params.n_images} circuits; the largest difference is shown",
    )


def sample(params: QmlCompression) -> list[int]:
    """Return the positions of the circuits to simulate: a seeded sample of the asked share."""
    number = min(params.n_images, max(_FEWEST, ceil(params.check_fraction * params.n_images)))
    rng = np.random.default_rng((params.seed, _STREAM))
    return sorted(rng.choice(params.n_images, size=number, replace=False).tolist())


def refidelity(params: QmlCompression, answer: Fitted, index: int) -> float:
    """Return |⟨t|ψ⟩|² of circuit ``index``, simulated gate by gate."""
    batch = batches(params, 1)[index]
    state = dense.statevector(ansatz.circuit(answer.angles[index], recipe(params).n_wires, params.layers))
    return float(abs(np.vdot(targets(batch)[0], state)) ** 2)


def _malformed(params: QmlCompression, answer: Fitted) -> str:
    wanted = (params.n_images, ansatz.n_angles(params.n_wires, params.layers))
    if answer.angles.shape != wanted or not np.isfinite(answer.angles).all():
        return f"angles of shape {answer.angles.shape} or not finite; asked: {wanted}"
    if not ((answer.fidelities >= 0) & (answer.fidelities <= 1 + TOLERANCE)).all():
        return "a fidelity is outside [0, 1]"
    return ""
