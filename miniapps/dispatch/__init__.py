"""Mini-app dispatch: what the runtime costs, measured with tasks that compute nothing.

Label only; see ``README.md`` of this folder.
"""

from .._app import MiniApp, MotifCard
from .params import Dispatch

APP = MiniApp(
    name="dispatch",
    version=1,
    summary="tasks without payload: throughput, round trip and memory of the runtime itself (Table 3)",
    card=MotifCard(
        motif="none: characterises the runtime below all motifs (section 7.1, Table 3)",
        interaction="None: independent tasks without input or output",
        coupling="Loosely-coupled, homogeneous tasks",
        example="/bin/sleep 0 (Table 3)",
        middleware_requirements="Dispatch that is cheap against the shortest task",
        integration_mode="none",
    ),
    params=Dispatch,
    functions={
        "run": "miniapps.dispatch.flow:run",
        "check": "miniapps.dispatch.flow:check",
        "estimate": "miniapps.dispatch.flow:estimate",
    },
)
