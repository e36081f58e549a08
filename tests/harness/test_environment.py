"""The environment of a record: what a number may depend on, and nothing that is secret."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

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
