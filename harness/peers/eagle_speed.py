"""The emulated Eagle's time against figures that IBM publishes: ``python -m harness.peers.eagle_speed``.

No job is run: durations follow from the target's calibrated gates, the default repetition delay and an assumed overhead
of a job. Three outside checks:

- time against width at fixed depth (the point of Figure 6), where a state vector's time doubles with each qubit;
- IBM's quick formula for the usage of a job, 2 s + 0.35 ms · shots (documentation, "Workload usage");
- layers per second of a job of 100 circuits of 100 layers and 100 shots, by the formula of CLOPS (circuits · shots ·
  layers / time; Wack et al., arXiv:2110.14108) with hardware layers in place of quantum-volume layers, against
  CLOPS_h of IBM's Eagles. That figure counts compilation and transfer as well, which are not in these seconds;
  published values come from secondary sources and grew sixfold with the vendor's software.

Everything goes to ``results/peers/eagle_speed.json``; it is projected, but for the seconds of compilation.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from qiskit import QuantumCircuit
from rich.console import Console
from rich.table import Table

from harness.environment import describe
from miniapps._circuits.families import build
from miniapps._circuits.qiskit_io import to_qiskit
from miniapps._circuits.spec import CircuitSpec
from pilot_quantum import DeviceDescription
from pilot_quantum.devices import VirtualClock, make
from pilot_quantum.devices.base import AbstractDevice

DEFAULT_FILE: Final = Path("results/peers/eagle_speed.json")
WIDTHS: Final = (2, 4, 8, 12, 16)
SHOTS: Final = 4096
DEPTH: Final = 5
CLOPS_PUBLISHED: Final = {"2023": 30_000, "2025": 180_000}
"""CLOPS_h of IBM's Eagles, secondary sources."""
_CIRCUITS: Final = 100
_LAYERS: Final = 100
_LAYER_SHOTS: Final = 100
_LAYER_QUBITS: Final = 20


def vendor_s(shots: int) -> float:
    """Return the seconds of IBM's quick formula for the usage of a job."""
    return 2.0 + 0.00035 * shots


def eagle() -> AbstractDevice:
    """Return the emulated Eagle (FakeSherbrooke) on a simulated clock."""
    return make(DeviceDescription("eagle", "emulated"), VirtualClock())


def widths() -> list[dict[str, Any]]:
    """Return where the time of a job of one circuit goes, by its number of qubits; all times in seconds."""
    device, rows = eagle(), []
    for width in WIDTHS:
        circuit = to_qiskit(build(CircuitSpec("random", width, DEPTH, seed=3)), measure=True)
        began = time.perf_counter()
        compiled = device.compile(circuit)
        transpile_s = time.perf_counter() - began
        forecast = device.forecast(compiled, SHOTS)
        rows.append({"n_qubits": width, "run_s": forecast.run_s, **forecast.parts_s, "transpile_measured": transpile_s})
    return rows


def brick(qubits: int, layers: int) -> QuantumCircuit:
    """Return layers of a turn on every qubit and CNOTs on neighbours, in turn from the first and the second on."""
    circuit = QuantumCircuit(qubits)
    for layer in range(layers):
        for qubit in range(qubits):
            circuit.u(0.1 + 0.01 * layer, 0.2 + 0.01 * qubit, 0.3, qubit)
        for qubit in range(layer % 2, qubits - 1, 2):
            circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    return circuit


def layers_per_second() -> dict[str, float]:
    """Return layers per second of one job, and what a shot takes."""
    device = eagle()
    compiled = device.compile(brick(_LAYER_QUBITS, _LAYERS))
    one = device.forecast(compiled, _LAYER_SHOTS).parts_s
    job_s = one["overhead"] + _CIRCUITS * (one["schedule"] + one["repetition_delay"])
    return {
        "circuits": _CIRCUITS,
        "layers": _LAYERS,
        "shots": _LAYER_SHOTS,
        "qubits": _LAYER_QUBITS,
        "shot_schedule_s": one["schedule"] / _LAYER_SHOTS,
        "shot_delay_s": one["repetition_delay"] / _LAYER_SHOTS,
        "job_s": job_s,
        "layers_per_s": _CIRCUITS * _LAYERS * _LAYER_SHOTS / job_s,
    }


def study() -> dict[str, Any]:
    """Return everything that the file holds."""
    rows, speed = widths(), layers_per_second()
    return {
        "kind": "projected",
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "target": "FakeSherbrooke",
        "assumptions": ["overhead of a job 2 s", "default repetition delay 250 us", "no queue"],
        "shots": SHOTS,
        "depth": DEPTH,
        "widths": rows,
        "vendor_formula_s": vendor_s(SHOTS),
        "state_vector_ratio": math.pow(2.0, WIDTHS[-1] - WIDTHS[0]),
        "layers": speed,
        "clops_h_published": CLOPS_PUBLISHED,
        "environment": describe(),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Compute, print, write."""
    parser = argparse.ArgumentParser(description="the emulated Eagle's time against IBM's published figures")
    parser.add_argument("--output", type=Path, default=DEFAULT_FILE)
    options = parser.parse_args(arguments)
    found = study()
    table = Table("qubits", "job", "gates", "repetition delay", "overhead", "formula", "compiled in (measured)")
    for row in found["widths"]:
        parts = (f"{row[key]:.3f} s" for key in ("run_s", "schedule", "repetition_delay", "overhead"))
        table.add_row(
            str(row["n_qubits"]), *parts, f"{found['vendor_formula_s']:.2f} s", f"{row['transpile_measured']:.2f} s"
        )
    console = Console(width=140)
    console.print(table)
    layers = found["layers"]
    console.print(
        f"layers per second: {layers['layers_per_s']:,.0f} (a shot: {layers['shot_schedule_s'] * 1e6:.0f} us of gates, "
        f"{layers['shot_delay_s'] * 1e6:.0f} us of delay); published CLOPS_h: {CLOPS_PUBLISHED}"
    )
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n", "utf-8")
    console.print(f"written: {options.output}")


if __name__ == "__main__":
    main()
