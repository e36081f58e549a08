"""``qhpc devices``: what the devices of a campaign say about themselves now, and a local IonQ service."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ._common import Json, emit, note, table

if TYPE_CHECKING:
    from pilot_quantum import DeviceDescription
    from pilot_quantum.devices import DeviceFacts, Forecast

_WIDTH: Final = 5
_SHOTS: Final = 1000
_WAIT_S: Final = 60.0

app = typer.Typer(help="Show devices live: state, calibration, queue, forecasts.", invoke_without_command=True)


@app.callback()
def devices(
    context: typer.Context,
    campaign: Annotated[
        str | None,
        typer.Option("--campaign", metavar="SPEC", help="Devices of this campaign's pilots; else the built-in ones."),
    ] = None,
    as_json: Json = False,
) -> int:
    """Ask devices for state, calibration and queue, and forecast a 5-qubit GHZ circuit with 1,000 shots on each."""
    if context.invoked_subcommand is not None:
        return 0
    rows = [_look(description) for description in _wanted(campaign)]
    if as_json:
        emit({"devices": rows})
    else:
        _show(rows)
    return 0


def _wanted(campaign: str | None) -> list[DeviceDescription]:
    from pilot_quantum import DeviceDescription

    if campaign is None:
        return [DeviceDescription("aer", "aer"), DeviceDescription("eagle", "emulated", "shared")]
    from harness.errors import UserError

    from ._common import load_campaign

    found = {
        device: None for pilot in load_campaign(campaign).campaign.pilots for device in map(_Hashable, pilot.devices)
    }
    if not found:
        raise UserError(f"campaign {campaign!r}: none of its pilots holds a device")
    return [one.device for one in found]


class _Hashable:
    """A description as a key: the same device of several pilots is asked once."""

    def __init__(self, device: DeviceDescription) -> None:
        self.device = device

    def __hash__(self) -> int:
        return hash(repr(self.device))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hashable) and repr(self.device) == repr(other.device)


def _look(description: DeviceDescription) -> dict[str, Any]:
    """Return what one device says; its trouble, if it says nothing."""
    from pilot_quantum import PilotQuantumError
    from pilot_quantum.devices import RealClock, make

    about = {"name": description.name, "kind": description.kind, "access": description.access}
    try:
        device = make(description, RealClock())
        facts = device.facts()
        forecast = device.forecast(device.compile(_ghz(min(_WIDTH, facts.n_qubits))), _SHOTS)
        device.close()
    except PilotQuantumError as error:
        return {**about, "trouble": str(error)}
    except ImportError as error:
        return {**about, "trouble": f"needs the package {error.name!r}"}
    return {**about, **_of_facts(facts), "forecast": _of_forecast(forecast, facts)}


def _of_facts(facts: DeviceFacts) -> dict[str, Any]:
    return {
        "vendor": facts.vendor,
        "qubits": facts.n_qubits,
        "simulator": facts.simulator,
        "online": facts.online,
        "note": facts.note,
        "error_2q": facts.error_2q,
        "error_readout": facts.error_readout,
        "calibration_age_s": None if facts.calibrated_s is None else max(0.0, -facts.calibrated_s),
        "queue_s": facts.queue_s,
        "queue_jobs": facts.queue_jobs,
    }


def _of_forecast(forecast: Forecast, facts: DeviceFacts) -> dict[str, Any]:
    return {
        "circuit": f"ghz {_WIDTH} qubits, {_SHOTS} shots",
        "run_s": forecast.run_s,
        "parts_s": dict(forecast.parts_s),
        "fidelity": forecast.fidelity,
        "cost": forecast.cost,
        "currency": facts.currency,
    }


def _ghz(width: int) -> Any:
    from pilot_quantum.devices.task_device import as_circuits

    chain = "".join(f"cx q[{qubit}],q[{qubit + 1}];" for qubit in range(width - 1))
    text = f'OPENQASM 2.0; include "qelib1.inc"; qreg q[{width}]; creg c[{width}]; h q[0]; {chain} measure q -> c;'
    return as_circuits([text])[0]


def _show(rows: list[dict[str, Any]]) -> None:
    columns = ["device", "kind", "access", "qubits", "state", "2q error", "queue", "run", "fidelity", "cost"]
    lines = []
    for row in rows:
        start = [row["name"], row["kind"], row["access"]]
        if "trouble" in row:
            lines.append([*start, "", row["trouble"], "", "", "", "", ""])
            continue
        guess = row["forecast"]
        state = ("up" if row["online"] else "down") + (f" ({row['note']})" if row["note"] else "")
        cost = f"{guess['cost']:.2f} {guess['currency']}" if guess["currency"] else "free"
        lines.append(
            [
                *start,
                str(row["qubits"]),
                state,
                _number(row["error_2q"], "{:.4f}"),
                _number(row["queue_s"], "{:.0f} s"),
                f"{guess['run_s']:.3g} s",
                _number(guess["fidelity"], "{:.3f}"),
                cost,
            ]
        )
    table(columns, lines, right="qubits queue run fidelity cost")
    note(f"run, fidelity and cost are forecasts for a GHZ circuit of {_WIDTH} qubits with {_SHOTS:,} shots")


def _number(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


@app.command("serve-ionq")
def serve_ionq(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on the loopback interface; 0 takes a free one.")
    ] = 8700,
    state: Annotated[str, typer.Option(help="File that keeps its jobs and sessions.")] = ":memory:",
    wait_s: Annotated[float, typer.Option(min=0, help="Queue time of a job, in seconds.")] = 0.0,
    run_s: Annotated[float, typer.Option(min=0, help="Run of a job, in seconds.")] = 0.1,
    faults: Annotated[Path | None, typer.Option(help="JSON file of the trouble it should make.")] = None,
) -> int:
    """Serve IonQ's REST interface (v0.4) locally, with simulated circuits, until interrupted.

    Any key is accepted: set IONQ_API_KEY to something, and IONQ_API_URL to the printed address.
    """
    import json

    from harness.errors import UserError
    from pilot_quantum.devices import ionq_service

    try:
        trouble = {} if faults is None else json.loads(faults.read_text("utf-8"))
        service = ionq_service.make_service(state=state, wait_s=wait_s, run_s=run_s, faults=trouble)
    except ImportError as error:
        raise UserError(f"needs the package {error.name!r} (pip install 'qhpc-miniapps[service]')") from error
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"--faults {faults}: {error}") from error

    def tell(url: str) -> None:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()

    ionq_service.serve(service, port, tell)
    return 0
