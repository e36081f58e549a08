"""Is the answer right? Loss, gradient and logits against a simulation in plain numpy, gate by gate.

Driver side, outside every timed stage. Of timed steps: loss and the whole gradient of the first one. Of trainings: the
logits of the first test images at the trained weights, and that training has lowered the loss.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from .._app import Measurement, Verdict
from .._qml import classifier, reference
from .flow import Answer, digest, setting_of
from .kernels import data, data_of_batch
from .params import CLASSES

if TYPE_CHECKING:
    from .kernels import Timed, Trained
    from .params import QmlClassifier

TOLERANCE: Final = {"double": 1e-10, "single": 1e-4}
_LOGITS: Final = 16
_ORACLE: Final = "numpy, gate by gate, adjoint gradient"

_remembered: dict[tuple[QmlClassifier, str], Verdict] = {}


def check(params: QmlClassifier, measurement: Measurement) -> Verdict:
    """Compare with the reference; the largest difference decides.

    The same answers, to the last bit, of the same parameters get the verdict that they got before in this process.
    """
    key = params, digest(measurement.answer)
    if key not in _remembered:
        if len(_remembered) >= 1024:
            _remembered.clear()
        _remembered[key] = _judged(params, measurement.answer)
    return _remembered[key]


def _judged(params: QmlClassifier, answer: Answer) -> Verdict:
    if answer.timed is not None:
        return _judge_step(params, answer.timed)
    return _judge_training(params, answer.trials[0].trained)


def _judge_step(params: QmlClassifier, timed: Timed) -> Verdict:
    states, labels = data_of_batch(setting_of(params))
    weights = classifier.initial_weights(params.n_wires, params.layers, params.seed)
    value, gradient = reference.loss_and_gradient(weights, states, labels, CLASSES)
    if timed.gradient.shape != gradient.shape:
        return Verdict("fail", _ORACLE, detail=f"gradient of shape {timed.gradient.shape}; expected {gradient.shape}")
    found = np.append(timed.gradient.reshape(-1), timed.loss)
    return _compared(found, np.append(gradient.reshape(-1), value), params, "loss and gradient of the batch")


def _judge_training(params: QmlClassifier, trained: Trained) -> Verdict:
    number = min(_LOGITS, params.n_test)
    states, _ = data(setting_of(params).images, "test", 0, params.n_test)
    expected = reference.logits(trained.weights, states[:number], CLASSES)
    verdict = _compared(
        trained.test[:number].reshape(-1), expected.reshape(-1), params, f"logits of {number} test images"
    )
    steps = params.epochs * (params.n_train // params.batch_size)
    if params.epochs > 1 and steps >= 20 and not trained.losses[-1] < trained.losses[0]:
        return Verdict("fail", "loss must fall", float(trained.losses[-1]), float(trained.losses[0]))
    return verdict


def _compared(found: classifier.Floats, expected: classifier.Floats, params: QmlClassifier, what: str) -> Verdict:
    if found.shape != expected.shape or not np.isfinite(found).all():
        return Verdict("fail", _ORACLE, detail=f"{what}: of shape {found.shape} or not finite")
    worst = int(np.argmax(np.abs(found - expected)))
    limit = TOLERANCE[params.precision]
    passed = abs(found[worst] - expected[worst]) <= limit
    return Verdict(
        "pass" if passed else "fail",
        _ORACLE,
        float(found[worst]),
        float(expected[worst]),
        limit,
        f"{what}; the largest difference is shown",
    )
