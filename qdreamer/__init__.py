"""Q-Dreamer: features and measured times in, predictions with an interval out.

Works from a notebook on typed-in data; knows no pilot, no mini-app and no campaign::

    from qdreamer import Observation, fit, laws

    model = fit(laws.load("batch_time"), [Observation({...}, seconds), ...])
    model.predict({"tasks": 64, "workers": 8, ...})     # Prediction(value=…, low=…, high=…)

Every value a model gives is a projection, never a measurement: whoever stores or draws it marks it ``projected``.
"""

from __future__ import annotations

from . import models as laws
from .fit import TooFewObservations, fit
from .model import Law, MissingFeature, Model, Observation, Prediction

__all__ = [
    "Law",
    "MissingFeature",
    "Model",
    "Observation",
    "Prediction",
    "TooFewObservations",
    "fit",
    "laws",
]
