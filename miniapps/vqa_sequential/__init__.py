"""Mini-app C.2: a variational loop in which one circuit evaluation follows the other.

Label only; see ``README.md`` of this folder.
"""

from .._app import MiniApp, MotifCard
from .params import VqaSequential

APP = MiniApp(
    name="vqa_sequential",
    version=1,
    summary="variational loop, one evaluation after the other: VQE and QAOA, co-located or apart (motif C.2)",
    card=MotifCard(
        motif="C.2 Variational Quantum Algorithms (sequential)",
        interaction="Concurrent execution of classical & quantum components",
        coupling="Coupling outside the coherence window for heterogeneous tasks, e.g. interleaved ML & QC parts "
        "sharing a GPU",
        example="QuGen, VQE, QAOA, QIRO",
        middleware_requirements="Collocate quantum & classical resources",
        integration_mode="Quantum-in-HPC",
        scenarios=(
            "Variational Quantum Algorithms (VQE, QAOA, QNN)",
            "Subspace quantum diagonalization (SQD)",
            "Warm starting",
        ),
    ),
    params=VqaSequential,
    functions={
        "run": "miniapps.vqa_sequential.flow:run",
        "check": "miniapps.vqa_sequential.flow:check",
        "estimate": "miniapps.vqa_sequential.flow:estimate",
    },
)
