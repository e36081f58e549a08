"""``"auto"`` in a campaign: settled by a model at plan time, before anything runs.

A case keeps ``"auto"`` in its parameters and its key, so that it stays the same case when the model changes; what it
was settled to is named in its prediction, and the seconds of deciding are a stage of its own that counts into its time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from .cutting_costs import APP, MODEL
from .record import PredictionRecord
from .state import MAIN_METRIC

if TYPE_CHECKING:
    from qdreamer import Advice, CostModel

    from .cases import Case

STAGE: Final = "decide"
AUTO: Final = "auto"
_SIMULATED: Final = ("full", "mps", "amplitude")
"""What ``executor = "auto"`` chooses among: the ways of a simulator, with the statistics that the case asks for."""
_OWN_CUTS: Final = ("partition", "cut_gates", "cut_wires", "subcircuit_size")


@dataclass(frozen=True, slots=True)
class Settled:
    """A case as it runs.

    Attributes
    ----------
    case
        With the chosen values instead of ``"auto"``.
    prediction
        What the model said when it chose.
    seconds
        How long deciding took.
    """

    case: Case
    prediction: PredictionRecord
    seconds: float


def wants(case: Case) -> bool:
    """Tell whether a case leaves a setting to a model: ``cuts = "auto"`` with no other word about cuts.

    With ``executor = "auto"`` the executor is left to it too.
    """
    values = case.values
    return case.app.name == APP and values["cuts"] == "auto" and not any(values.get(name) for name in _OWN_CUTS)


class Settler:
    """Settles cases of circuit cutting: the number of cuts that is predicted to be fastest, and the executor if asked.

    Parameters
    ----------
    model
        A calibrated cost model; None means typed-in coefficients.
    """

    def __init__(self, model: CostModel | None) -> None:
        self._model = model
        self._ready = False

    def __call__(self, case: Case) -> Settled | None:
        """Return the case as it should run; None if it leaves nothing open, or no number of cuts fits."""
        if not wants(case):
            return None
        if not self._ready:  # imports are not part of deciding
            self._advice(case)
            self._ready = True
        start_s = time.perf_counter()
        best = self._advice(case)
        seconds = time.perf_counter() - start_s
        if best.seconds is None or (best.plan is None and case.values["executor"] != AUTO):
            return None
        params: Any = case.params
        chosen = type(params).model_validate({**case.values, **_settings(best, case)})
        return Settled(replace(case, params=chosen), _prediction(best, self._name()), seconds)

    def _advice(self, case: Case) -> Advice:
        from qdreamer import recommend

        from .planner import CutPlanner, problem_of, workload_of

        circuit, terms = problem_of(case.params)  # type: ignore[arg-type]  # `wants` has seen that it is this app's
        executor, shots = case.values["executor"], case.values["shots"]
        return recommend(
            workload_of(circuit, terms),
            None,
            _resources(case),
            planner=CutPlanner(circuit, terms),
            model=self._model,
            shots=shots,
            executors=_SIMULATED if executor == AUTO else (executor,),
        ).best

    def _name(self) -> str:
        return self._model.name if self._model is not None else "typed in"


def _settings(best: Advice, case: Case) -> dict[str, Any]:
    """Return the parameters that an advice sets."""
    whole = best.executor == "full" and case.values["executor"] == AUTO
    return {"executor": best.executor, "cuts": best.cuts, **({"threads": best.workers.cpu} if whole else {})}


def _resources(case: Case) -> Any:
    """Return this machine with the workers of the case's pool."""
    from qdreamer import detect

    from .cutting_costs import workers_of

    here = detect()
    return replace(here, cores=max(1, workers_of(case.pool.as_record())), gpus=(), nodes=1)


def _prediction(best: Advice, model: str) -> PredictionRecord:
    found = best.seconds
    if found is None:
        raise ValueError("an advice that does not fit has no prediction")
    return PredictionRecord(
        model=f"{MODEL}: {model}; {best.executor}, cuts = {best.cuts}",
        metric=MAIN_METRIC,
        value=found.value,
        low=found.low,
        high=found.high,
        unit="s",
    )
