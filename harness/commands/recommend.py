"""``qhpc recommend``: what Q-Dreamer would do with a circuit, without running it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._common import DEFAULT_RESULTS, Json, Results, emit, note, out, table

if TYPE_CHECKING:
    from qdreamer import Advice, CostModel, Recommendation, Resources


def recommend(
    file: Annotated[Path, typer.Argument(help="A circuit: OpenQASM 2, OpenQASM 3 (.qasm) or QPY (.qpy).")],
    *,
    resources: Annotated[
        str | None,
        typer.Option("--resources", metavar="FILE|NAME", help="A machine file, or a shipped one. Default: here."),
    ] = None,
    observable: Annotated[
        str, typer.Option("--observable", help="As in the mini-app: z_last, '0.5*Z0 Z1 - X3'.")
    ] = "z_last",
    target_error: Annotated[
        float | None, typer.Option("--target-error", min=1e-12, help="Largest standard error of the value.")
    ] = None,
    shots: Annotated[int | None, typer.Option("--shots", min=0, help="Of each circuit; 0 = exact.")] = None,
    executors: Annotated[str | None, typer.Option("--executors", help="Only these, separated by commas.")] = None,
    results: Results = DEFAULT_RESULTS,
    any_machine: Annotated[bool, typer.Option("--any-machine", help="Use a calibration of another machine.")] = False,
    as_json: Json = False,
) -> int:
    """Recommend engine, number of cuts and workers for a circuit, ranked, with predicted time, memory and error.

    The cost model is that of `qhpc calibrate` in DIR/calibrate; without one, typed-in coefficients are used.
    """
    from harness.planner import CutPlanner, problem_of, workload_of
    from qdreamer import recommend as ask
    from qdreamer.demand import EXECUTORS

    params = _params(file, observable)
    circuit, terms = problem_of(params)
    model = _model(results, any_machine=any_machine)
    names = EXECUTORS if executors is None else tuple(name.strip() for name in executors.split(","))
    try:
        found = ask(
            workload_of(circuit, terms),
            None,
            machine(resources),
            target_error,
            planner=CutPlanner(circuit, terms),
            model=model,
            shots=shots,
            executors=names,
        )
    except ValueError as error:
        raise _refused(str(error)) from error
    if as_json:
        emit(as_dict(found))
    else:
        _show(found)
    return 0


def machine(spec: str | None) -> Resources:
    """Return the resources meant: this machine, a file, or a shipped machine by its name.

    Raises
    ------
    harness.errors.UserError
        If there is neither, or the file breaks a rule.
    """
    from harness.errors import nearest
    from qdreamer import BadResources, detect
    from qdreamer.machines import read

    if spec is None:
        return detect()
    shipped = {path.stem: path for path in (Path(__file__).parent.parent / "resources").glob("*.toml")}
    path = Path(spec) if Path(spec).is_file() else shipped.get(spec)
    if path is None:
        names = ", ".join(sorted(shipped))
        raise _refused(f"--resources {spec!r}: neither a file nor a shipped machine: {names}{nearest(spec, shipped)}")
    try:
        return read(path)
    except BadResources as error:
        raise _refused(str(error)) from error


def _refused(text: str) -> Exception:
    from harness.errors import UserError

    return UserError(text)


def _params(file: Path, observable: str) -> Any:
    from pydantic import ValidationError

    from harness.explain import explain
    from miniapps.circuit_cutting.params import CircuitCutting

    values = {"family": "file", "path": str(file), "observable": observable}
    try:
        return CircuitCutting.model_validate(values)
    except ValidationError as error:
        raise _refused(explain(error, values)) from error


def _model(results: Path, *, any_machine: bool) -> CostModel | None:
    from harness.cutting_costs import fingerprint, model_file
    from qdreamer.calibration import BadCalibration, load

    file = model_file(results)
    if not file.is_file():
        note(f"no calibration in {file.parent}: typed-in coefficients, right within a factor of 3; try: qhpc calibrate")
        return None
    try:
        return load(file, fingerprint=fingerprint(), any_machine=any_machine)
    except BadCalibration as error:
        raise _refused(f"{error} (--any-machine)") from error


def _show(found: Recommendation) -> None:
    from harness.labels import quantity
    from harness.plan import size

    best = found.best
    out().print(f"{best.verdict}: {best.reason}", markup=False, soft_wrap=True, style="bold")
    rows = [_row(one, quantity, size) for one in found.ranked if one.seconds is not None]
    if rows:
        columns = ("way", "workers", "time", "interval", "memory", "error up to", "why")
        table(columns, rows[:12], title=found.resources.describe())
    for one in found.rejected[:6]:
        out().print(f"not possible: {one.name}: {one.reason}", markup=False, soft_wrap=True, style="dim")
    more = len(found.rejected) - 6
    if more > 0:
        out().print(f"not possible: {more} more (--json has them)", style="dim")
    bonds = "beyond every machine" if found.workload.bonds.svd == float("inf") else f"2^{found.workload.bonds.bits}"
    out().print(
        f"{found.workload.n_qubits} qubits, depth {found.workload.depth}, {found.workload.gates} gates, bonds up to "
        f"{bonds}; model: {found.model}; all times are projected; decided in {found.deciding_s * 1e3:.0f} ms",
        markup=False,
        soft_wrap=True,
        style="dim",
    )


def _row(one: Advice, quantity: Any, size: Any) -> tuple[str, ...]:
    seconds = one.seconds
    low_high = f"{quantity(seconds.low, 's')} – {quantity(seconds.high, 's')}" if seconds else ""
    return (
        one.name,
        str(one.workers),
        quantity(seconds.value, "s") if seconds else "–",
        low_high + (" (extrapolated)" if seconds and seconds.extrapolated else ""),
        size(int(one.memory)),
        f"{one.error:.2g}" + (f" ({one.shots:,} shots)" if one.shots else "") if one.error else "exact",
        one.reason,
    )


def as_dict(found: Recommendation) -> dict[str, Any]:
    """Return a recommendation as plain JSON values."""
    return {
        "kind": "projected",
        "best": _advice(found.best),
        "ranked": [_advice(one) for one in found.ranked],
        "rejected": [{"name": one.name, "reason": one.reason} for one in found.rejected],
        "circuit": {
            "n_qubits": found.workload.n_qubits,
            "depth": found.workload.depth,
            "gates": dict(found.workload.kinds),
            "two_qubit_gates": found.workload.two_qubit_gates,
            "bond_bits": found.workload.bonds.bits,
            "light_cone_qubits": len(found.workload.cone.qubits),
            "clifford_share": found.workload.clifford_share,
        },
        "resources": found.resources.describe(),
        "model": found.model,
        "deciding_s": found.deciding_s,
    }


def _advice(one: Advice) -> dict[str, Any]:
    seconds = one.seconds
    return {
        "verdict": one.verdict,
        "executor": one.executor,
        "cuts": one.cuts,
        "workers": {"cpu": one.workers.cpu, "gpu": one.workers.gpu, "qpu": one.workers.qpu},
        "shots": one.shots,
        "seconds": None
        if seconds is None
        else {
            "value": seconds.value,
            "low": seconds.low,
            "high": seconds.high,
            "extrapolated": seconds.extrapolated,
        },
        "stages_s": dict(one.stages),
        "memory_bytes": one.memory,
        "error": one.error,
        "reason": one.reason,
    }
