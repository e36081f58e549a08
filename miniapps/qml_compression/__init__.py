"""Mini-app C.1, first stage: images compressed into shallow circuits.

Label only; see ``README.md`` of this folder.
"""

from .._app import MiniApp, MotifCard
from .params import QmlCompression

APP = MiniApp(
    name="qml_compression",
    version=1,
    summary="images as quantum states, compressed into shallow circuits (motif C.1, stage 1)",
    card=MotifCard(
        motif="C.1 Multistage Pipelines",
        interaction="Encapsulated stages, here the data-parallel one: every image on its own",
        coupling="Loosely-coupled, homogeneous tasks within the stage",
        example="QML pipeline: data encoding and compression",
        middleware_requirements="Dynamic resource allocation, optimized for individual stages",
        integration_mode="HPC-for-Quantum",
        scenarios=("Classical simulation", "Classical preprocessing"),
    ),
    params=QmlCompression,
    functions={
        "run": "miniapps.qml_compression.flow:run",
        "check": "miniapps.qml_compression.check:check",
        "estimate": "miniapps.qml_compression.flow:estimate",
    },
)
