"""Figure 7: evaluations against qubits, beside the published weak scaling and this machine's projection."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from harness.provenance import provenance
from harness.record import MetricRecord, Record
from harness.report import fig7, figures
from harness.report.published import published
from harness.report.summary import summarize

GBPS = 2e10
LINK = 1e9


def _seconds(n: int, ranks: int, mode: str) -> tuple[float, float]:
    """Return the seconds of a machine that is exactly the law, and the bytes exchanged."""
    state, vectors = 8.0 * 2**n, {"expval": 1, "vjp": 3}[mode]
    sent = (1 - 1 / ranks) * state * vectors
    return 1e-3 + 3 * n * 2 * state * vectors / ranks / GBPS + sent / ranks / LINK, sent


@pytest.fixture
def drawing(make_record: Callable[..., Record]) -> figures.Drawing:
    base = {"method": "statevector", "simulator": "jax", "precision": "single", "reps": 2, "shards_per_rank": 1}
    records = []
    for mode in ("expval", "vjp"):
        for n in (20, 22, 24):
            for ranks in (1, 2, 4):
                seconds, sent = _seconds(n, ranks, mode)
                metrics = {
                    "time_to_value_s": MetricRecord(value=seconds + 9, unit="s", better="lower"),
                    "execute_s": MetricRecord(value=seconds, unit="s", better="lower"),
                    "exchanged_bytes": MetricRecord(value=sent, unit="B", better="none"),
                }
                params = {**base, "mode": mode, "n_qubits": n, "ranks": ranks}
                key = sha256(str(params).encode()).hexdigest()[:16]
                app = {"app": "distributed_state_vector", "campaign": "fig7"}
                records.append(make_record(**app, params=params, key=key, metrics=metrics))
    request = figures.Request(summarize(records), provenance(records))
    assert fig7.applies(request.cases)
    return fig7.draw(request)


def test_measured_points_are_evaluations_without_start_and_compilation(drawing: figures.Drawing) -> None:
    points = drawing.points[drawing.points["kind"] == "measured"]
    assert len(points) == 18
    for row in points.itertuples():
        assert row.seconds == pytest.approx(_seconds(int(row.n_qubits), int(row.shards), str(row.mode))[0])


def test_published_points_are_the_table_s(drawing: figures.Drawing) -> None:
    points = drawing.points[drawing.points["kind"] == "published"]
    assert points[["n_qubits", "shards", "seconds"]].to_numpy().tolist() == (
        published("fig7_weak")[["n_qubits", "gpus", "runtime_s"]].to_numpy().tolist()
    )


def test_the_projection_is_the_machine_s_own_law_carried_on(drawing: figures.Drawing) -> None:
    points = drawing.points[drawing.points["kind"] == "projected"]
    assert set(points["mode"]) == {"expval", "vjp"}
    assert points["n_qubits"].max() == fig7.WIDEST
    for row in points.itertuples():
        expected = _seconds(int(row.n_qubits), int(row.shards), str(row.mode))[0]
        assert row.seconds == pytest.approx(expected, rel=1e-3)
        assert row.low_s <= row.seconds * 1.001
        assert row.high_s >= row.seconds * 0.999


def test_it_is_written_with_its_points(
    drawing: figures.Drawing, make_record: Callable[..., Record], tmp_path: Path
) -> None:
    files = figures.write(drawing, tmp_path, provenance([make_record()]))
    assert {"fig7.png", "fig7.csv", "fig7.json"} <= {file.name for file in files}
    assert "Projected" in drawing.caption
