"""The asv suite measures the commit that is installed, knows its cases, and bears a commit that lacks some."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from asv.results import iter_results

from harness.asv_suite import bench_cases, matrix
from harness.cases import expand
from harness.spec import parse_campaign
from pilot_quantum import TaskState
from tests.architecture.source import PACKAGES, ROOT

_ADDED = "# another commit\n"


def _installed_elsewhere(tmp_path: Path) -> Path:
    """Return an interpreter in whose environment another commit is installed, beside the libraries of this one."""
    site = tmp_path / "site"
    for name in PACKAGES:
        shutil.copytree(ROOT / name, site / name, ignore=shutil.ignore_patterns("__pycache__", "asv_suite"))
    door = site / "pilot_quantum" / "__init__.py"
    door.write_text(door.read_text("utf-8") + _ADDED, "utf-8")
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    places = [str(site), *(part for part in sys.path if Path(part).name.endswith("-packages"))]
    (next(venv.glob("lib/python*/site-packages")) / "here.pth").write_text("\n".join(places) + "\n")
    return venv / "bin" / "python"


def _asv(tmp_path: Path, *words: str) -> None:
    """Run asv with the project's configuration, its results and its memory of machines below ``tmp_path``."""
    settings = json.loads((ROOT / "asv.conf.json").read_text("utf-8"))
    settings |= {"repo": str(ROOT), "benchmark_dir": str(ROOT / settings["benchmark_dir"])}
    settings |= {f"{name}_dir": str(tmp_path / name) for name in ("env", "results", "html")}
    config = tmp_path / "asv.conf.json"
    config.write_text(json.dumps(settings))
    command = [sys.executable, "-m", "asv", words[0], "--config", str(config), *words[1:]]
    environment = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="asv wants the name of a commit")
def test_asv_measures_what_is_installed_and_not_the_working_tree(tmp_path: Path) -> None:
    python = _installed_elsewhere(tmp_path)
    _asv(tmp_path, "machine", "--yes")
    _asv(tmp_path, "run", "--environment", f"existing:{python}", "--bench", "Source", "--set-commit-hash", "HEAD")
    (result,) = list(iter_results(str(tmp_path / "results")))
    (name,) = result.get_all_result_keys()
    found = dict(zip(PACKAGES, _in_order(result, name), strict=True))
    here = {package: sum(file.stat().st_size for file in _files(package)) for package in PACKAGES}
    assert found == {**here, "pilot_quantum": here["pilot_quantum"] + len(_ADDED)}


def _in_order(result: Any, name: str) -> list[float]:
    values: list[float] = result.get_result_value(name, [[repr(package) for package in PACKAGES]])
    return values


def _files(package: str) -> list[Path]:
    return [file for file in (ROOT / package).rglob("*.py") if "asv_suite" not in file.parts]


@pytest.mark.parametrize("app", sorted({app for app, _ in matrix.CASES.values()}))
def test_every_case_of_the_suite_is_one_case_of_its_campaign(app: str) -> None:
    cases = expand(parse_campaign(tomllib.loads(matrix.campaign(app)))).cases
    records = [{"app": app, "status": "ok", "params": case.values, "key": case.key} for case in cases]
    own = [params for name, params in matrix.CASES.values() if name == app]
    chosen = [[record["key"] for record in matrix._of(records, app, params)] for params in own]
    assert all(len(keys) == 1 for keys in chosen)
    assert len({keys[0] for keys in chosen}) == len(own)


def test_a_commit_without_a_mini_app_has_no_numbers_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = {"small": ("dispatch", {"n_tasks": 16}), "of tomorrow": ("not_written_yet", {"n": 1})}
    monkeypatch.setattr(matrix, "CASES", cases)
    monkeypatch.setattr(matrix, "_REPEATS", 2)
    found = matrix.measured(tmp_path)
    assert set(found) == {"small"}
    assert found["small"]["tasks"] >= 16
    assert found["small"]["error"] == 0.0
    assert found["small"]["seconds"] > 0


@pytest.mark.parametrize("case", bench_cases.Cases.params)
def test_a_case_that_asv_times_computes_its_value(case: str) -> None:
    suite = bench_cases.Cases()
    suite.setup(case)
    suite.time_run(case)
    done = suite.runtime.traces()
    suite.teardown(case)
    assert {trace.state for trace in done} == {TaskState.DONE}


def test_a_case_of_a_mini_app_that_a_commit_lacks_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(matrix.CASES, "cutting", ("not_written_yet", {}))
    with pytest.raises(NotImplementedError):
        bench_cases.Cases().setup("cutting")
