"""Mini-app B.1: batches of independent circuits, each sampled or measured for expectation values.

Label only; see ``README.md`` of this folder.
"""

from .._app import MiniApp, MotifCard
from .params import CircuitExecution

APP = MiniApp(
    name="circuit_execution",
    version=1,
    summary="batches of independent circuits on a simulator: sampler or estimator (motif B.1)",
    card=MotifCard(
        motif="B.1 Circuit Execution",
        interaction="Concurrent computation, e.g. for different measurements or parameters",
        coupling="Loosely-coupled, homogeneous tasks",
        example="Qiskit Estimator/Sampler, Qiskit Aer with Dask",
        middleware_requirements="Improved workload management across heterogeneous resources",
        integration_mode="HPC-for-Quantum",
        scenarios=("Classical simulation",),
    ),
    params=CircuitExecution,
    functions={
        "run": "miniapps.circuit_execution.flow:run",
        "check": "miniapps.circuit_execution.check:check",
        "estimate": "miniapps.circuit_execution.flow:estimate",
    },
)
