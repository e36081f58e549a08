"""Mini-app B.4: the value that a noisy circuit would have without its noise, from variants of the circuit.

Label only; see ``README.md`` of this folder.
"""

from .._app import MiniApp, MotifCard
from .params import ErrorMitigation

APP = MiniApp(
    name="error_mitigation",
    version=1,
    summary="error mitigation by variants of a circuit: ZNE, PEC, read-out, dynamical decoupling (motif B.4)",
    card=MotifCard(
        motif="B.4 Error Mitigation",
        interaction="Loosely-coupled execution of multiple circuit variants on PEs & results aggregation",
        coupling="Loosely coupled",
        example="Qiskit Runtime Error Mitigation",
        middleware_requirements="Allocation & adaptation of error mitigation to right mix of classical & quantum "
        "resources",
        integration_mode="HPC-for-Quantum",
        scenarios=("Error mitigation",),
    ),
    params=ErrorMitigation,
    functions={
        "run": "miniapps.error_mitigation.flow:run",
        "check": "miniapps.error_mitigation.check:check",
        "estimate": "miniapps.error_mitigation.flow:estimate",
    },
)
