"""Q-Dreamer: features and measured times in, predictions with an interval out.

Works from a notebook on typed-in data; knows no pilot, no mini-app and no campaign::

    from qdreamer import Observation, fit, laws

    model = fit(laws.load("batch_time"), [Observation({...}, seconds), ...])
    model.predict({"tasks": 64, "workers": 8, ...})     # Prediction(value=…, low=…, high=…)

and to the question of circuit cutting: engine, number of cuts and workers, ranked and with a reason::

    from qdreamer import detect, recommend

    recommend(circuit, None, detect(), planner=planner).best

Every value a model gives is a projection, never a measurement: whoever stores or draws it marks it ``projected``.
"""

from __future__ import annotations

from . import models as laws
from .advice import Advice, Recommendation, Rejected
from .circuit_cutting import recommend
from .cost import Cost, CostModel, NoModel, Workers
from .fit import TooFewObservations, fit
from .model import Law, MissingFeature, Model, Observation, Prediction
from .plan_features import FragmentFeatures, PlanFeatures, Planner
from .resources import BadResources, Gpu, Qpu, Resources, detect
from .workload import BadCircuit, Observable, Workload, analyze, analyze_gates

__all__ = [
    "Advice",
    "BadCircuit",
    "BadResources",
    "Cost",
    "CostModel",
    "FragmentFeatures",
    "Gpu",
    "Law",
    "MissingFeature",
    "Model",
    "NoModel",
    "Observable",
    "Observation",
    "PlanFeatures",
    "Planner",
    "Prediction",
    "Qpu",
    "Recommendation",
    "Rejected",
    "Resources",
    "TooFewObservations",
    "Workers",
    "Workload",
    "analyze",
    "analyze_gates",
    "detect",
    "fit",
    "laws",
    "recommend",
]
