"""The pilots of one pool: held while its cases run, opened again when one of them is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Self, final

from pilot_quantum import PilotFailed, PilotManager, PilotState

if TYPE_CHECKING:
    from pilot_quantum import Pilot, PilotDescription

    from .cases import Pool

_LOCAL_START_LIMIT_S: Final = 600.0

Place = Callable[["PilotDescription"], "PilotDescription"]


def _as_it_is(pilot: PilotDescription) -> PilotDescription:
    return pilot


@final
class PoolSession:
    """Holds the pilots of a pool for the time of a ``with`` block; they start with the first `manager` call.

    Parameters
    ----------
    pool
        What to hold.
    reopen_limit
        How often lost pilots, or pilots that did not start, are opened anew before the pool is given up.
    make_manager
        Makes the manager; tests put their own here.
    place
        Says how a pilot is asked for where the run takes place; None means as the campaign says.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        reopen_limit: int = 2,
        make_manager: Callable[[], PilotManager] = PilotManager,
        place: Place | None = None,
    ) -> None:
        self._place = place or _as_it_is
        self._pool = pool
        self._attempts_left = 1 + reopen_limit
        self._make_manager = make_manager
        self._manager: PilotManager | None = None
        self._pilots: list[Pilot] = []
        self._last_failure = ""

    def __enter__(self) -> Self:
        """Return the session."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Release the pilots."""
        self._close()

    @property
    def pilot_names(self) -> list[str]:
        """Names of the pilots of the pool."""
        return [pilot.name for pilot in self._pool.pilots]

    @property
    def whole(self) -> bool:
        """Whether every pilot of the pool still takes tasks."""
        return all(pilot.state is PilotState.RUNNING for pilot in self._pilots)

    def startup(self) -> dict[str, dict[str, float]]:
        """Return the seconds of each phase of the start of pilots that were not simply here, by name."""
        far = [pilot for pilot in self._pilots if pilot.description.launcher != "local"]
        return {
            pilot.name: {**pilot.startup_s, **{f"launcher.{k}": v for k, v in pilot.launcher_s.items()}}
            for pilot in far
        }

    def manager(self) -> PilotManager:
        """Return a manager whose pilots all take tasks, with every worker up.

        Raises
        ------
        PilotFailed
            If they could not be started. After the last attempt every further call raises the same at once.
        """
        if any(pilot.state is PilotState.FAILED for pilot in self._pilots):
            self._last_failure = f"{self._pool.label}: a pilot was lost"
            self._close()
        elif any(pilot.state.final for pilot in self._pilots):
            self._attempts_left += 1  # its walltime ended, which is no fault of the pilot
            self._close()
        if self._manager is None:
            return self._open()
        self._wait()
        return self._manager

    def _open(self) -> PilotManager:
        if self._attempts_left <= 0:
            raise PilotFailed(f"given up: {self._last_failure}")
        self._attempts_left -= 1
        self._manager = self._make_manager()
        try:
            for pilot in self._pool.pilots:
                self._pilots.append(self._manager.submit_pilot(replace(self._place(pilot), pool=None)))
            self._wait()
        except PilotFailed as error:
            self._last_failure = str(error)
            self._close()
            raise
        except BaseException:
            self._close()
            raise
        return self._manager

    def _wait(self) -> None:
        for pilot in self._pilots:
            limit_s = _LOCAL_START_LIMIT_S if pilot.description.launcher == "local" else None
            try:
                pilot.wait(limit_s)
            except TimeoutError as error:
                raise PilotFailed(str(error)) from error

    def _close(self) -> None:
        manager, self._manager, self._pilots = self._manager, None, []
        if manager is not None:
            manager.close()
