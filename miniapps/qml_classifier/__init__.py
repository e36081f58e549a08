"""Mini-app C.1, second stage: a variational quantum classifier.

Label only; see ``README.md`` of this folder.
"""

from .._app import MiniApp, MotifCard
from .params import QmlClassifier

APP = MiniApp(
    name="qml_classifier",
    version=1,
    summary="variational classifier of images: time of a step in seven modes, training, search (motif C.1, stage 2)",
    card=MotifCard(
        motif="C.1 Multistage Pipelines",
        interaction="Encapsulated stages, here the tightly coupled one: a training loop on one device or over shards",
        coupling="Medium- to tightly-coupled within the stage",
        example="QML pipeline: training of a variational classifier",
        middleware_requirements="Dynamic resource allocation, optimized for individual stages",
        integration_mode="Quantum-in-HPC",
        scenarios=("Classical simulation", "Quantum machine learning (QML)"),
    ),
    params=QmlClassifier,
    functions={
        "run": "miniapps.qml_classifier.flow:run",
        "check": "miniapps.qml_classifier.check:check",
        "estimate": "miniapps.qml_classifier.flow:estimate",
    },
)
