"""Errors of the pilot runtime, one tree so that a caller can catch all of it or one leaf.

::

    PilotQuantumError
    ├── InvalidDescription (ValueError)   a description breaks a rule; nothing was started
    │   └── ResourcesMissing              it asks for more than this machine has
    ├── UnsatisfiableRequest              no pilot of this manager can ever run the task
    ├── ManagerClosed (RuntimeError)      the manager was closed before or while the call was made
    ├── PilotFailed                       a pilot could not start, or every worker of it is gone for good
    ├── RunTimeLimit (TimeoutError)       a mini-app's run took longer than its case allows
    └── TaskError                         what a `Task` raises besides the task's own exception
        ├── WorkerLost                    the worker died while it ran the task, too often
        ├── MemoryExceeded                the task's worker was stopped because the pilot's memory was used up
        ├── TaskTimeout (TimeoutError)    the task ran longer than its ``timeout_s`` and was stopped
        ├── ParentFailed                  a task this one depends on did not succeed
        └── RemoteError                   the task's exception, or its result, could not be pickled
"""


class PilotQuantumError(Exception):
    """Root of every error the runtime raises itself."""


class InvalidDescription(PilotQuantumError, ValueError):
    """A description breaks a rule; the message names the value, the rule and the choices."""


class ResourcesMissing(InvalidDescription):
    """A description asks for more cores, GPUs or memory than this machine has; elsewhere it may be right."""


class UnsatisfiableRequest(PilotQuantumError):
    """No pilot of this manager can ever run the task; the message names what is missing."""


class ManagerClosed(PilotQuantumError, RuntimeError):
    """The manager was closed, so it takes or finishes no more tasks."""


class PilotFailed(PilotQuantumError):
    """A pilot could not start, or all its workers are gone for good."""


class RunTimeLimit(PilotQuantumError, TimeoutError):
    """A mini-app's run took longer than the time limit of its case."""


class TaskError(PilotQuantumError):
    """A task did not end by returning or raising; the leaf class says how it ended."""


class WorkerLost(TaskError):
    """The worker process died while it ran the task, as often as the task's retry rule allows."""


class MemoryExceeded(TaskError):
    """The workers of the pilot used more memory than it has, and this task's worker was the largest."""


class TaskTimeout(TaskError, TimeoutError):
    """The task ran longer than its ``timeout_s``; its worker was stopped."""


class ParentFailed(TaskError):
    """A task this one waits for failed or was cancelled; ``__cause__`` is its exception."""


class RemoteError(TaskError):
    """Stands for an exception or a result that could not travel; the text is the remote one."""


class RemoteTraceback(Exception):
    """Cause of an exception that was raised on a worker: prints the traceback of the far side."""

    def __str__(self) -> str:
        """Return the remote traceback, on lines of its own."""
        return "\n" + str(self.args[0])
