"""Mini-app C.4: devices that improve one solution, or several, without ever waiting for each other.

Label only; see ``README.md`` of this folder.
"""

from .._app import MiniApp, MotifCard
from .params import VqaAsynchronous

APP = MiniApp(
    name="vqa_asynchronous",
    version=1,
    summary="variational search without barriers: bounded staleness, early stopping, lost workers (motif C.4)",
    card=MotifCard(
        motif="C.4 Asynchronous Parallel VQA",
        interaction="Independent optimization tasks with occasional synchronization",
        coupling="Loose coupling; tasks executed independently",
        example="EQC",
        middleware_requirements="Asynchronous task management; fault tolerance; convergence detection without global "
        "barriers",
        integration_mode="Quantum-in-HPC",
        scenarios=("Variational Quantum Algorithms (VQE, QAOA, QNN)",),
    ),
    params=VqaAsynchronous,
    functions={
        "run": "miniapps.vqa_asynchronous.flow:run",
        "check": "miniapps.vqa_asynchronous.flow:check",
        "estimate": "miniapps.vqa_asynchronous.flow:estimate",
    },
)
