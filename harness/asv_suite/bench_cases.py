"""Small cases of mini-apps, timed by asv itself, in one process: what two commits can be compared by.

The numbers of `bench_apps` are measured once for each commit, so what the machine does meanwhile is in them. These have
rounds, which ``asv continuous --interleave-rounds`` lets the commits take in turn, and samples to judge a change by.
"""

from __future__ import annotations

from typing import Any

from .doors import attributes
from .matrix import CASES

_TIMED = ("dispatch 4096", "circuits sampled", "cutting", "state vector gradient", "compression")


class Cases:
    version = "1"
    timeout = 120
    params = _TIMED
    param_names = ("case",)
    number = 1
    rounds = 4
    repeat = (5, 20, 2.0)
    """Least and most samples of one round, and the seconds after which it takes no more."""
    warmup_time = 1.0

    def setup(self, case: str) -> None:
        (load,) = attributes("miniapps", "load")
        manager_type, description = attributes("pilot_quantum", "PilotManager", "PilotDescription")
        name, values = CASES[case]
        try:
            self.app = load(name)
            self.values: Any = self.app.params(**values)
        except Exception as error:  # an older commit may lack the mini-app, a parameter, a library
            raise NotImplementedError from error
        self.manager: Any = manager_type()
        self.manager.submit_pilot(description(engine="inline"))

    def time_run(self, _case: str) -> None:
        with self.manager.runtime(time_limit_s=60) as self.runtime:
            self.app.run(self.values, self.runtime)

    def teardown(self, _case: str) -> None:
        manager = getattr(self, "manager", None)
        if manager is not None:
            manager.close()
