"""Mini-app B.2: one state vector over many processes or GPUs, with and without its gradient.

Label only; see ``README.md`` of this folder.
"""

from .._app import MiniApp, MotifCard
from .params import DistributedStateVector

APP = MiniApp(
    name="distributed_state_vector",
    version=1,
    summary="expectation values and gradients of one large circuit on many ranks (motif B.2)",
    card=MotifCard(
        motif="B.2 Distributed State Vector Simulation",
        interaction="Ranks exchange amplitudes for gates on qubits that are spread over them",
        coupling="Tightly-coupled, homogeneous tasks",
        example="PennyLane Lightning-GPU with MPI, Qiskit Aer with cuStateVec",
        middleware_requirements="Gang scheduling of ranks, MPI or another transport between GPUs",
        integration_mode="HPC-for-Quantum",
        scenarios=("Classical simulation",),
    ),
    params=DistributedStateVector,
    functions={
        "run": "miniapps.distributed_state_vector.flow:run",
        "check": "miniapps.distributed_state_vector.check:check",
        "estimate": "miniapps.distributed_state_vector.flow:estimate",
    },
)
