"""Mini-app C.3: a variational loop whose evaluations are split over devices, with a barrier at every iteration.

Label only; see ``README.md`` of this folder.
"""

from .._app import MiniApp, MotifCard
from .params import VqaParallel

APP = MiniApp(
    name="vqa_parallel",
    version=1,
    summary="variational loop split over unequal devices, with a barrier at every iteration (motif C.3)",
    card=MotifCard(
        motif="C.3 Synchronous Parallel VQA",
        interaction="Parallel circuit evaluations with barrier synchronization",
        coupling="Medium coupling; synchronization required at optimization iteration boundaries",
        example="pQAOA, distributed QAOA, VQA-IS",
        middleware_requirements="Coordinated scheduling across QPUs/simulators; barrier synchronization; load "
        "balancing for parallel circuit batches",
        integration_mode="Quantum-in-HPC",
        scenarios=("Variational Quantum Algorithms (VQE, QAOA, QNN)",),
    ),
    params=VqaParallel,
    functions={
        "run": "miniapps.vqa_parallel.flow:run",
        "check": "miniapps.vqa_parallel.flow:check",
        "estimate": "miniapps.vqa_parallel.flow:estimate",
    },
)
