"""``qhpc calibrate``: run the micro-benchmarks and fit Q-Dreamer's cost model to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._common import DEFAULT_RESULTS, Json, Results, emit, err, load_campaign, note, out, stdout_for_json, table

if TYPE_CHECKING:
    from pathlib import Path

    from qdreamer import CostModel


def calibrate(
    results: Results = DEFAULT_RESULTS,
    *,
    again: Annotated[
        bool, typer.Option("--again", help="Only fit again, to every record of circuit cutting below DIR.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Calibrate the cost model on this machine: micro-benchmarks of under a minute, then a fit.

    Records go to DIR/calibrate like those of any campaign, the model to DIR/calibrate/model.json with the fingerprint
    of this machine; on another one it is refused. With --again records of other campaigns refine it.
    """
    if not again:
        with stdout_for_json(as_json):
            _measure(results, quiet=as_json)
    model = _fitted(results, refine=again)
    from harness.cutting_costs import model_file
    from qdreamer.calibration import save

    save(model, model_file(results))
    if as_json:
        emit({"file": str(model_file(results)), "fingerprint": dict(model.fingerprint), "models": _as_rows(model)})
        return 0
    rows = [(row["role"], row["law"], str(row["observations"] or "typed in"), row["error"]) for row in _as_rows(model)]
    table(("model", "law", "observations", "median error"), rows, title="Q-Dreamer's cost model", right="observations")
    out().print(f"model: {model_file(results)}", markup=False, soft_wrap=True)
    return 0


def _measure(results: Path, *, quiet: bool) -> None:
    from harness.progress import Bar, Quiet
    from harness.run import Runner, held_results

    from . import plan as planning

    file = load_campaign("calibrate")
    directory = results / file.campaign.name
    plan = planning.make(file, directory, only=None, repeats=None)
    with held_results(directory, file):
        if quiet:
            Runner(plan, directory, observer=Quiet(), budget_s=None).run()
            return
        with Bar(plan, err()) as bar:
            Runner(plan, directory, observer=bar, budget_s=None).run()


def _fitted(results: Path, *, refine: bool) -> CostModel:
    from harness.cutting_costs import CAMPAIGN, fingerprint, observations
    from harness.errors import NothingMeasured
    from harness.store import read_records
    from qdreamer.calibration import calibrate as fit

    place = results if refine else results / CAMPAIGN
    records = read_records(place).records if place.is_dir() else []
    observed = observations(_here(records))
    if not observed:
        raise NothingMeasured(f"{place}: no record of circuit cutting made on this machine")
    note(f"fitting to {sum(map(len, observed.values()))} observations")
    return fit(observed, name="calibrated here", fingerprint=fingerprint())


def _here(records: list[Any]) -> list[Any]:
    from harness.environment import cpu_model

    return [record for record in records if (record.environment.get("machine") or {}).get("cpu") == cpu_model()]


def _as_rows(model: CostModel) -> list[dict[str, Any]]:
    import numpy as np

    return [
        {
            "role": role,
            "law": one.law.name,
            "observations": one.observations,
            "error": f"{float(np.median(np.abs(one.scatter))):.1%}" if one.observations else "",
            "coefficients": dict(zip(one.law.terms, one.coefficients.tolist(), strict=True)),
        }
        for role, one in sorted(model.models.items())
    ]
