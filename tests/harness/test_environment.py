"""The environment of a record: what a number may depend on, and nothing that is secret."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness import environment
from harness.doctor import examine


def git(directory: Path, *words: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(directory), *identity, *words], check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init")
    (tmp_path / "code.py").write_text("1")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    return tmp_path


def test_it_names_the_code_the_machine_and_the_threads_as_strict_json() -> None:
    found = environment.describe()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["packages"]["numpy"].count(".") == 2
    assert found["machine"]["cores_usable"] >= 1
    assert found["machine"]["memory_bytes"] > 2**20
    assert set(found["threads"]) == {"variables", "blas"}


def test_no_variable_beyond_those_named_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IONQ_API_KEY", "QISKIT_IBM_TOKEN", "SECRET"):
        monkeypatch.setenv(name, "hunter2-credential")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    found = environment.describe()
    assert found["threads"]["variables"]["OMP_NUM_THREADS"] == "3"
    assert "hunter2" not in json.dumps(found)


def test_the_commit_is_known_and_whether_files_differ_from_it(checkout: Path) -> None:
    clean = environment.git_state(checkout)
    assert len(clean["commit"]) == 40
    assert clean["dirty"] is False
    (checkout / "results").mkdir()
    (checkout / "results" / "new.jsonl").write_text("a run's own results are no change of the code")
    assert environment.git_state(checkout)["dirty"] is False
    (checkout / "code.py").write_text("2")
    assert environment.git_state(checkout)["dirty"] is True


def test_a_new_file_makes_it_dirty_and_an_ignored_one_does_not(checkout: Path) -> None:
    (checkout / ".gitignore").write_text("*.log\n")
    git(checkout, "add", ".")
    git(checkout, "commit", "-m", "second")
    (checkout / "a.log").write_text("")
    assert environment.git_state(checkout)["dirty"] is False
    (checkout / "new.py").write_text("")
    assert environment.git_state(checkout)["dirty"] is True


def test_an_unrelated_repository_around_an_installed_copy_is_not_taken_for_ours(checkout: Path) -> None:
    inside = checkout / "site-packages"
    inside.mkdir()
    assert environment.git_state(inside) == {"commit": None, "dirty": None}


def test_without_git_the_commit_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert environment.git_state() == {"commit": None, "dirty": None}


def test_the_load_is_told_or_unknown() -> None:
    found = environment.load()
    assert set(found) == {"load_1min", "running"}
    assert all(value is None or value >= 0 for value in found.values())


def test_the_doctor_finds_something_on_every_machine_and_advises_on_every_warning() -> None:
    findings = examine()
    assert {"cores", "memory", "clock", "commit", "engine inline"} <= {finding.subject for finding in findings}
    assert all(finding.advice for finding in findings if finding.level == "warn")


def test_the_doctor_warns_of_a_busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getloadavg", lambda: (64.0 * 1024, 1.0, 1.0))
    (load,) = (finding for finding in examine() if finding.subject == "load")
    assert load.level == "warn"
    monkeypatch.setattr("os.getloadavg", lambda: (0.0, 1.0, 1.0))
    (load,) = (finding for finding in examine() if finding.subject == "load")
    assert load.level == "ok"


def _finding(subject: str) -> Any:
    return next((finding for finding in examine() if finding.subject == subject), None)


def test_the_doctor_warns_of_more_blas_threads_than_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    assert _finding("BLAS").level == "ok"
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "99999")
    blas = _finding("BLAS")
    assert blas.level == "warn"
    assert "99999 thread(s)" in blas.value
    assert "OMP_NUM_THREADS=" in blas.advice


def test_the_doctor_warns_of_a_memory_limit_below_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "memory_limit", lambda: 2**28)
    assert _finding("memory limit").level == "warn"
    monkeypatch.setattr(environment, "memory_limit", lambda: None)
    assert _finding("memory limit") is None


@pytest.mark.parametrize(
    ("groups", "limits", "expected"),
    [
        ("0::/user/job", {"user/job/memory.max": "max", "user/memory.max": "4096", "memory.max": "8192"}, 4096),
        ("0::/user/job", {"user/job/memory.max": "max"}, None),
        ("5:cpu,memory:/job", {"memory/job/memory.limit_in_bytes": "1024"}, 1024),
        ("5:cpu,memory:/job", {"memory/job/memory.limit_in_bytes": str(2**63 - 4096)}, None),
        ("", {}, None),
    ],
)
def test_the_smallest_memory_limit_of_all_groups_counts(
    monkeypatch: pytest.MonkeyPatch, groups: str, limits: dict[str, str], expected: int | None
) -> None:
    files = {"/proc/self/cgroup": groups, **{f"/sys/fs/cgroup/{name}": text for name, text in limits.items()}}
    monkeypatch.setattr(environment, "_text", lambda path: files.get(str(path)))
    assert environment.memory_limit() == expected


def test_the_doctor_knows_a_slurm_job_and_a_login_node(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "sbatch").write_text("#!/bin/sh\necho slurm 22.05.8\n")
    (tmp_path / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    slurm = _finding("Slurm")
    assert (slurm.value, slurm.level) == ("slurm 22.05.8", "info")
    assert "login node" in slurm.advice
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    assert _finding("Slurm").level == "ok"
    assert _finding("Slurm job").value.startswith("17, ")


def test_the_doctor_lists_versions() -> None:
    assert _finding("versions").value.startswith(environment.python())
    assert "numpy" in _finding("versions").value
