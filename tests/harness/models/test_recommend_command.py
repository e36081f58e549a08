"""``qhpc recommend``: advice for a file, in words and as JSON, and refusals in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.cli import main
from harness.commands.recommend import machine
from qdreamer.machines import read

QASM = 'OPENQASM 2.0;include "qelib1.inc";qreg q[4];h q[0];cx q[0],q[1];cx q[1],q[2];cx q[2],q[3];'


def qhpc(capfd: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    out, err = capfd.readouterr()
    assert isinstance(end.value.code, int)
    return end.value.code, out, err


@pytest.fixture
def circuit(tmp_path: Path) -> Path:
    (tmp_path / "ghz.qasm").write_text(QASM)
    return tmp_path / "ghz.qasm"


def test_it_ranks_the_ways_and_says_that_times_are_projected(
    capfd: pytest.CaptureFixture[str], circuit: Path, tmp_path: Path
) -> None:
    code, out, err = qhpc(capfd, "recommend", circuit, "--results", tmp_path, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["kind"] == "projected"
    assert found["best"] == found["ranked"][0]
    assert {one["executor"] for one in found["ranked"]} >= {"full", "mps", "amplitude", "distinct"}
    assert found["circuit"]["n_qubits"] == 4
    assert "no calibration" in err


def test_it_tells_a_person_the_same(capfd: pytest.CaptureFixture[str], circuit: Path, tmp_path: Path) -> None:
    code, out, _ = qhpc(capfd, "recommend", circuit, "--results", tmp_path, "--resources", "b200x8")
    assert code == 0
    assert "8 x B200, 256 QPUs: 224 core(s)" in out
    assert "all times are projected" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--resources", "b200"), "--resources 'b200': neither a file nor a shipped machine"),
        (("--executors", "ful"), "executors: ful unknown"),
        (("--observable", "Q9"), "observable"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(
    capfd: pytest.CaptureFixture[str], circuit: Path, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    code, out, err = qhpc(capfd, "recommend", circuit, "--results", tmp_path, *words)
    assert (code, out) == (2, "")
    assert message in err.splitlines()[-1]


def test_shipped_machines_can_be_read() -> None:
    files = sorted((Path(__file__).parents[3] / "harness" / "resources").glob("*.toml"))
    assert {file.stem for file in files} >= {"b200x8", "perlmutter-gpu", "qpus-127"}
    assert all(machine(file.stem) == read(file) for file in files)
