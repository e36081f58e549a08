"""Mini-app B.3: one expectation value of a circuit that is cut into fragments.

Label only; see ``README.md`` of this folder.
"""

from .._app import MiniApp, MotifCard
from .params import CircuitCutting

APP = MiniApp(
    name="circuit_cutting",
    version=1,
    summary="an expectation value from the fragments of a cut circuit, or uncut (motif B.3)",
    card=MotifCard(
        motif="B.3 Circuit Cutting",
        interaction="Concurrent execution & reconstruction of tasks across QPUs",
        coupling="Medium coupling, task heterogeneity depends on circuit type & cutting algorithm",
        example="Qiskit Circuit Knitting Toolbox, PennyLane Circuit Cutting",
        middleware_requirements="Optimal partitioning & placements of tasks/cuts on available (simulated) QPUs "
        "for balanced workload",
        integration_mode="HPC-for-Quantum",
        scenarios=("Circuit cutting", "Classical simulation"),
    ),
    params=CircuitCutting,
    functions={
        "run": "miniapps.circuit_cutting.flow:run",
        "check": "miniapps.circuit_cutting.check:check",
        "estimate": "miniapps.circuit_cutting.flow:estimate",
    },
)
