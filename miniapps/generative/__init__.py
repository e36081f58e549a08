"""Mini-app C.5: a model proposes circuits, devices judge them, the model learns.

Label only; see ``README.md`` of this folder.
"""

from .._app import MiniApp, MotifCard
from .params import Generative

APP = MiniApp(
    name="generative",
    version=1,
    summary="GPT-QE and circuit Born machines against random search; learning and evaluation in turn or apart (C.5)",
    card=MotifCard(
        motif="C.5 GQA",
        interaction="Synchronous & asynchronous exchange between inference & circuit execution",
        coupling="Tight coupling (GPU-accelerated training); loose-coupling (inference & circuit execution)",
        example="GPT-QE, GQE",
        middleware_requirements="Co-scheduling AI frameworks & QPU runtimes; resource allocation adjustment based on "
        "varying workload (feedback parameters)",
        integration_mode="Quantum-about-HPC",
        scenarios=("AI workflows", "Quantum machine learning (QML)"),
    ),
    params=Generative,
    functions={
        "run": "miniapps.generative.flow:run",
        "check": "miniapps.generative.check:check",
        "estimate": "miniapps.generative.flow:estimate",
    },
)
