"""Is the answer right? Circuits and predictions of a sample, simulated again gate by gate.

Driver side, outside every timed stage. For the first two test images and the first training image: the circuit is run
on the dense simulator of `miniapps._circuits`; its fidelity with the image, encoded anew, must be the stated one, and
the classifier's logits on that state, by plain numpy, must be those of the evaluation.
"""

from __future__ import annotations

from math import inf, isfinite
from typing import TYPE_CHECKING, Final

import numpy as np

from .._app import Measurement, Verdict
from .._circuits import dense
from .._qml import ansatz, reference
from .._qml.cifar import CLASSES, Split
from .flow import Answer, images_of
from .kernels import Compressed, Floats, encode_shard

if TYPE_CHECKING:
    from .params import QmlPipeline

TOLERANCE: Final = 1e-9
_SAMPLE: Final = 2


def check(params: QmlPipeline, measurement: Measurement) -> Verdict:
    """Simulate a sample again; the largest difference decides."""
    answer: Answer = measurement.answer
    number = min(_SAMPLE, params.n_test)
    _, pairs = _circuit_pairs(params, answer.trained.shards[0], "train", 1)
    states, of_tests = _circuit_pairs(params, answer.tests[0], "test", min(number, len(answer.tests[0].labels)))
    expected = reference.logits(answer.trained.weights, states, CLASSES)
    stated = answer.evaluation.logits[: len(states)]
    pairs += of_tests
    pairs += list(zip(stated.reshape(-1).tolist(), expected.reshape(-1).tolist(), strict=True))
    labels = np.concatenate([shard.labels for shard in answer.tests])
    pairs.append((answer.evaluation.accuracy, float(np.mean(answer.evaluation.logits.argmax(axis=1) == labels))))
    value, right = max(pairs, key=_difference)
    passed = len(labels) == params.n_test and _difference((value, right)) <= TOLERANCE
    return Verdict(
        "pass" if passed else "fail",
        "dense state vector and numpy, gate by gate",
        value,
        right,
        TOLERANCE,
        f"{len(pairs)} fidelities and logits of {1 + len(states)} images; the largest difference is shown",
    )


def _difference(pair: tuple[float, float]) -> float:
    """Return how far two numbers are apart; infinity if one is no number."""
    distance = abs(pair[0] - pair[1])
    return distance if isfinite(distance) else inf


def _circuit_pairs(
    params: QmlPipeline, shard: Compressed, split: Split, number: int
) -> tuple[Floats, list[tuple[float, float]]]:
    """Return the states of a shard's first circuits, shape (number, 2ⁿ), and stated and simulated fidelities."""
    encoded = encode_shard(images_of(params), split, 0, number)
    n, layers = params.n_wires, params.layers
    states = np.stack([dense.statevector(ansatz.circuit(row, n, layers)).real for row in shard.angles[:number]])
    overlaps = np.einsum("ij,ij->i", states, encoded.states) ** 2
    return states, list(zip(shard.fidelities[:number].tolist(), overlaps.tolist(), strict=True))
