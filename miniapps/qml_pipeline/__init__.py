"""Mini-app C.1: the whole QML pipeline, every stage with its own resources.

Label only; see ``README.md`` of this folder.
"""

from .._app import MiniApp, MotifCard
from .params import QmlPipeline

APP = MiniApp(
    name="qml_pipeline",
    version=1,
    summary="encode, compress, train, evaluate as a graph of tasks, with pilots added for the wide stage (motif C.1)",
    card=MotifCard(
        motif="C.1 Multistage Pipelines",
        interaction="Encapsulated stages & its contained tasks with different resource demands between stages",
        coupling="Loosely-coupled between stages, medium- to tightly-coupled within a stage",
        example="QML workflow including data encoding, compression and training",
        middleware_requirements="Dynamic resource allocation, optimized for pipeline/individual stages",
        integration_mode="HPC-for-Quantum",
        scenarios=("Classical simulation", "Quantum machine learning (QML)"),
    ),
    params=QmlPipeline,
    functions={
        "run": "miniapps.qml_pipeline.flow:run",
        "check": "miniapps.qml_pipeline.check:check",
        "estimate": "miniapps.qml_pipeline.flow:estimate",
    },
)
