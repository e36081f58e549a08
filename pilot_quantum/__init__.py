"""Pilot-Quantum: pilots, tasks and devices. The door of the package; everything else is internal.

Importing it loads no engine and no quantum library. A first session::

    from pilot_quantum import PilotDescription, PilotManager

    with PilotManager() as manager:
        manager.submit_pilot(PilotDescription(engine="processes", cores_per_node=2))
        tasks = manager.submit_tasks(abs, range(-100, 0))
        print(sum(task.result() for task in tasks))
"""

from . import devices, engines, launchers
from ._shared import Shared
from .descriptions import (
    Budget,
    DeviceDescription,
    DeviceRequest,
    PilotDescription,
    Resources,
    Retries,
    TaskDescription,
)
from .errors import (
    InvalidDescription,
    ManagerClosed,
    MemoryExceeded,
    ParentFailed,
    PilotFailed,
    PilotQuantumError,
    RemoteError,
    RemoteTraceback,
    ResourcesMissing,
    RunTimeLimit,
    TaskError,
    TaskTimeout,
    UnsatisfiableRequest,
    WorkerLost,
)
from .manager import PilotManager
from .pilot import Pilot
from .policies import Backfill, Choice, FastestFirst, LeastLoaded, PilotLoad, Policy, RoundRobin
from .runtime import PilotView, Runtime
from .states import PilotState, TaskState
from .task import Task
from .trace import PilotTrace, RankTrace, RoutingDecision, RunTrace, StageTrace, TaskTrace, summarize

__all__ = [
    "Backfill",
    "Budget",
    "Choice",
    "DeviceDescription",
    "DeviceRequest",
    "FastestFirst",
    "InvalidDescription",
    "LeastLoaded",
    "ManagerClosed",
    "MemoryExceeded",
    "ParentFailed",
    "Pilot",
    "PilotDescription",
    "PilotFailed",
    "PilotLoad",
    "PilotManager",
    "PilotQuantumError",
    "PilotState",
    "PilotTrace",
    "PilotView",
    "Policy",
    "RankTrace",
    "RemoteError",
    "RemoteTraceback",
    "Resources",
    "ResourcesMissing",
    "Retries",
    "RoundRobin",
    "RoutingDecision",
    "RunTimeLimit",
    "RunTrace",
    "Runtime",
    "Shared",
    "StageTrace",
    "Task",
    "TaskDescription",
    "TaskError",
    "TaskState",
    "TaskTimeout",
    "TaskTrace",
    "UnsatisfiableRequest",
    "WorkerLost",
    "devices",
    "engines",
    "launchers",
    "summarize",
]
