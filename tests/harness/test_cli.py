"""The command line: help, errors of one line, strict JSON, and what ``init`` and ``new-app`` write."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import Exit, nearest
from tests.architecture.source import ROOT
from tests.harness.conftest import Qhpc

COMMANDS = ["init", "new-app", "list", "describe", "plan", "run", "status", "report", "compare", "doctor"]
COMMANDS += ["gate", "export", "migrate"]


def test_help_names_every_command_and_every_exit_code(qhpc: Qhpc) -> None:
    done = qhpc("--help")
    assert done.code == 0
    text = " ".join(done.out.split())
    assert all(command in text for command in COMMANDS)
    assert "3 some cases failed" in text
    assert "the first of 4, 6, 3, 5" in text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_and_offers_json(qhpc: Qhpc, command: str) -> None:
    done = qhpc(command, "--help")
    assert done.code == 0
    assert "--json" in done.out


def test_exit_codes_have_one_meaning_each() -> None:
    assert [int(code) for code in Exit] == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rnu"], "No such command 'rnu'"),
        (["run"], "Missing argument"),
        (["run", "quickstart", "--fast"], "No such option"),
        (["run", "quickstart", "--repeats", "none"], "--repeats"),
        (["run", "quickstart", "--repeats", "0"], "--repeats"),
        (["describe", "circuit_exection"], "'circuit_execution'?"),
        (["describe", "no.module:APP"], "cannot be imported"),
        (["status", "nowhere"], "no campaign 'nowhere'"),
        (["run", "quickstart", "--only", "n_qubits >"], "not an expression"),
        (["run", "quickstart", "--only", "n_qbits > 3"], "'n_qubits'?"),
        (["new-app", "Not-Snake"], "snake_case"),
        (["new-app", "circuit_execution"], "is installed"),
        (["new-app", "json"], "exists already"),
        (["init", "/no/such/place/x.toml"], "no such directory"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_wrong_usage_is_one_line_and_exit_code_2(qhpc: Qhpc, words: list[str], said: str) -> None:
    done = qhpc(*words)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert said in done.err


def test_a_traceback_comes_only_when_asked_for(qhpc: Qhpc) -> None:
    assert "Traceback" not in qhpc("describe", "nothing").err
    assert "Traceback" in qhpc("--debug", "describe", "nothing").err


def test_list_and_describe_speak_json_and_tables(qhpc: Qhpc) -> None:
    found = qhpc("list", "--json").json
    assert "circuit_execution" in {app["name"] for app in found["apps"]}
    assert {"inline", "processes"} <= {engine["name"] for engine in found["engines"]}
    assert {"quickstart", "fig6", "fig6-paper"} <= {campaign["name"] for campaign in found["campaigns"]}
    app = qhpc("describe", "tests.harness.toy:APP", "--json").json
    memory = next(param for param in app["params"] if param["name"] == "memory")
    assert (memory["unit"], memory["default"], memory["rule"]) == ("B", 1024, "≥ 0")
    described = qhpc("describe", "quickstart", "--json").json
    assert described["cases"] > 0
    for words in (["list"], ["describe", "tests.harness.toy:APP"], ["describe", "quickstart"], ["doctor"]):
        done = qhpc(*words)
        assert done.code == 0
        assert done.out.strip()
    assert qhpc("doctor", "--json").json["findings"]


def test_nearest_prefers_a_longer_name_that_holds_the_word() -> None:
    assert nearest("cores", ["nodes", "cores_per_node"]) == "; did you mean 'cores_per_node'?"
    assert nearest("repeat", ["repeats", "name"]) == "; did you mean 'repeats'?"
    assert nearest("zzz", ["repeats"]) == ""


@pytest.mark.parametrize("app", ["circuit_execution", "tests.harness.toy:APP"])
def test_init_writes_a_campaign_that_plans_and_overwrites_only_when_told(qhpc: Qhpc, tmp_path: Path, app: str) -> None:
    path = tmp_path / "my study.toml"
    assert qhpc("init", path, "--app", app).code == 0
    assert tomllib.loads(path.read_text())["name"] == "my-study"
    assert qhpc("plan", path, "--json").json["cases"]
    assert qhpc("init", path).code == 2
    assert qhpc("init", path, "--force").code == 0


def test_a_new_app_runs_and_its_own_tests_pass(qhpc: Qhpc, tmp_path: Path, run_outside: Callable[..., str]) -> None:
    made = qhpc("new-app", "spin_wave", "--dir", tmp_path, "--json").json
    assert all(Path(file).is_file() for file in made["files"])
    assert qhpc("new-app", "spin_wave", "--dir", tmp_path).code == 2
    out = run_outside("-m", "harness", "run", made["campaign"], "--repeats", "1", "--json", "--results", tmp_path / "r")
    assert '"ok": 3' in out
    assert "4 passed" in run_outside("-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path / "spin_wave")
    lint = ["-m", "ruff", "check", "--isolated", "--line-length", "120", "--ignore", "I001"]  # orders by what is where
    run_outside(*lint, tmp_path / "spin_wave")


def test_a_new_app_inside_the_checkout_has_its_files_where_apps_live(tmp_path: Path) -> None:
    from harness.scaffold import write_inside

    (tmp_path / "pyproject.toml").touch()
    made = write_inside("spin_wave", tmp_path)
    assert made.test == tmp_path / "tests" / "miniapps" / "test_spin_wave.py"
    label = (tmp_path / "miniapps" / "spin_wave" / "__init__.py").read_text()
    assert "from miniapps._app import MiniApp" in label
    assert '"run": "miniapps.spin_wave.flow:run"' in label
    assert '"spin_wave": "miniapps.spin_wave:APP"' in made.register


@pytest.fixture
def run_outside(tmp_path: Path) -> Callable[..., str]:
    """Run Python as a user elsewhere would, with the packages importable and nothing else."""

    def run(*words: object) -> str:
        environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
        command = [sys.executable, *map(str, words)]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f"{sys.executable} -m harness list --json | head -n 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
