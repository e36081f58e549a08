"""Exports hold the numbers of the records, and the programs they are for read them."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from harness import load_frame, load_records
from harness.export import names

Make = Callable[..., Any]


@pytest.fixture
def results(tmp_path: Path, make_campaign: Make, make_record: Make, failed_record: Make, write_store: Make) -> Path:
    git = {"commit": "1a2b3c4d5e6f7a8b9c0d1a2b3c4d5e6f7a8b9c0d", "dirty": False}
    environment = {"git": git, "machine": {"hostname": "node1", "os": "Linux 6.1 x86_64"}, "python": "CPython 3.11.2"}
    records = make_campaign(widths=(2, 6), engines=("inline", "ray"), environment=environment)
    records = [one.model_copy(update={"started_at": "2026-01-02T03:04:05.000+00:00"}) for one in records]
    return write_store(tmp_path / "results", [*records, failed_record(repeat=50, note='a, b\n"c"')])


def _export(qhpc: Any, results: Path, name: str, target: Path) -> Any:
    done = qhpc("export", results, "--to", name, "--out", target, "--json")
    assert (done.code, done.err) == (0, "")
    assert all(Path(file).is_file() for file in done.json["files"])
    return done.json


def test_csv_has_a_row_for_each_record_and_every_number(qhpc: Any, results: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    _export(qhpc, results, "csv", target)
    with target.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    records = load_records(results)
    assert len(rows) == len(records)
    for row, record in zip(rows, records, strict=True):
        assert (row["key"], int(row["repeat"]), row["status"]) == (record.key, record.repeat, record.status)
        main = record.metrics.get("time_to_value_s")
        assert row["metrics.time_to_value_s"] == ("" if main is None else str(main.value))
    assert "metrics.throughput [circuits/s]" in rows[0]
    assert rows[-1]["params.note"] == 'a, b\n"c"'
    assert rows[-1]["error.message"] == "no"


def test_a_frame_is_the_same_table(results: Path) -> None:
    frame = load_frame(results)
    ok = frame[frame.status == "ok"].groupby("params.n_qubits")["metrics.time_to_value_s"].median()
    records = [one for one in load_records(results) if one.status == "ok"]
    for width, value in ok.items():
        assert value == median(r.metrics["time_to_value_s"].value for r in records if r.params["n_qubits"] == width)


def test_parquet_reads_back(qhpc: Any, results: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    import pandas as pd

    target = tmp_path / "out.parquet"
    _export(qhpc, results, "parquet", target)
    found, expected = pd.read_parquet(target), load_frame(results)
    assert list(found.columns) == list(expected.columns)
    assert found["metrics.time_to_value_s"].equals(expected["metrics.time_to_value_s"])


def test_a_library_that_is_missing_is_named(
    qhpc: Any, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pyarrow", "fastparquet"):
        monkeypatch.setitem(sys.modules, name, None)
    done = qhpc("export", results, "--to", "parquet", "--out", tmp_path / "x.parquet")
    assert done.code == 2
    assert "pip install 'qhpc-miniapps[parquet]'" in done.err


def test_asv_loads_its_results(qhpc: Any, results: Path, tmp_path: Path) -> None:
    from asv.benchmarks import Benchmarks
    from asv.config import Config
    from asv.results import iter_results

    target = tmp_path / "asv"
    _export(qhpc, results, "asv", target)
    conf = Config()
    conf.results_dir = str(target)
    benchmarks = Benchmarks.load(conf)
    assert list(benchmarks) == ["fig6.circuit_execution.time_to_value_s"]  # rates are no costs
    benchmark = benchmarks["fig6.circuit_execution.time_to_value_s"]
    (result,) = list(iter_results(str(target)))
    values = result.get_result_value(benchmark["name"], benchmark["params"])
    first = [r for r in load_records(results) if r.status == "ok"]
    expected = {
        key: median(r.metrics["time_to_value_s"].value for r in first if r.key == key) for key in {r.key for r in first}
    }
    assert sorted(values) == pytest.approx(sorted(expected.values()))
    assert len(benchmark["params"][0]) == len(set(benchmark["params"][0])) == 4


def test_asv_gets_no_commit_with_changes(qhpc: Any, tmp_path: Path, make_record: Make, write_store: Make) -> None:
    dirty = {"git": {"commit": "1" * 40, "dirty": True}}
    store = write_store(tmp_path / "results", [make_record(environment=dirty)])
    done = qhpc("export", store, "--to", "asv", "--out", tmp_path / "asv")
    assert (done.code, done.err.count("\n")) == (6, 1)
    assert "asv wants commits" in done.err


def test_pytest_benchmark_compares_it(qhpc: Any, results: Path, tmp_path: Path) -> None:
    target = tmp_path / "storage" / "0001_here.json"
    _export(qhpc, results, "pytest-benchmark", target)
    whole = json.loads(target.read_text())
    assert [one["stats"]["rounds"] for one in whole["benchmarks"]] == [7] * 4
    command = [sys.executable, "-m", "pytest_benchmark", "--storage", str(tmp_path / "storage"), "compare", str(target)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("circuit_execution[") == 4


def test_a_crate_describes_every_file_in_it(qhpc: Any, results: Path, tmp_path: Path) -> None:
    target = tmp_path / "crate"
    _export(qhpc, results, "rocrate", target)
    graph = {one["@id"]: one for one in json.loads((target / "ro-crate-metadata.json").read_text())["@graph"]}
    inside = {file.relative_to(target).as_posix() for file in target.rglob("*") if file.is_file()}
    parts = {part["@id"] for part in graph["./"]["hasPart"]}
    assert parts == inside - {"ro-crate-metadata.json"} != set()
    assert all(graph[part]["@type"] == "File" for part in parts)
    assert len(load_records(target)) == len(load_records(results))
    for one in graph.values():  # every reference leads somewhere
        for value in one.values():
            for link in value if isinstance(value, list) else [value]:
                if isinstance(link, dict):
                    assert link["@id"] in graph or link["@id"].startswith("https://w3id.org/")


def test_a_directory_of_somebody_else_is_left_alone(qhpc: Any, results: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "thesis.tex").write_text("x")
    done = qhpc("export", results, "--to", "rocrate", "--out", tmp_path / "theirs")
    assert done.code == 2
    assert [file.name for file in (tmp_path / "theirs").iterdir()] == ["thesis.tex"]


def test_formats_are_named_in_the_error(qhpc: Any, results: Path) -> None:
    done = qhpc("export", results, "--to", "excel")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert all(name in done.err for name in names())
