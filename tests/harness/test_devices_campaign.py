"""The shipped campaign `fig6-devices`, made small, from the local IonQ service to the figure."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from harness.store import read_records
from pilot_quantum.devices.ionq_service import IonqService, ServiceSettings, running
from tests.architecture.source import ROOT

KEY = "canary-of-the-campaign-81f3"


def made_small(url: str) -> str:
    text = (ROOT / "harness/campaigns/fig6-devices.toml").read_text("utf-8")
    text = text[: text.rindex("[[apps]]")]
    for old, new in {
        "http://127.0.0.1:8700/v0.4": url,
        "n_qubits = [2, 6, 10, 14]": "n_qubits = [2, 4]",
        "shots = 4096": "shots = 200",
        "repeats = 3": "repeats = 1",
        "warmups = 1": "warmups = 0",
        '"FakeSherbrooke"': '"generic:6"',
    }.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


def qhpc(*arguments: object) -> int:
    """Run the command in a process of its own, as a user does: quantum libraries of vendors change global state."""
    command = [sys.executable, "-m", "harness", *map(str, arguments)]
    return subprocess.run(
        command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=100, cwd=ROOT
    ).returncode


def test_from_the_service_to_the_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IONQ_API_KEY", KEY)
    path, results = tmp_path / "fig6-devices.toml", tmp_path / "results" / "fig6-devices"
    with running(IonqService(ServiceSettings(run_s=0.02, key=KEY))) as url:
        path.write_text(made_small(url))
        assert qhpc("run", path, "--skip-unfit", "--traces", "--results", tmp_path / "results") == 0
    records = read_records(results).records
    by_pool = {record.pool[0]["name"]: record for record in records if record.params["n_qubits"] == 4}
    assert {name: by_pool[name].status for name in ("aer", "ionq-interface", "eagle")} == dict.fromkeys(
        ("aer", "ionq-interface", "eagle"), "ok"
    )
    assert (by_pool["eagle"].kind, by_pool["aer"].kind) == ("projected", "measured")
    assert all(record.check.verdict == "pass" for record in records if record.status == "ok")
    assert qhpc("report", results) == 0
    points = pd.read_csv(results / "figures" / "fig6.csv")
    [formula] = points[(points["n_qubits"] == 4) & points["series"].str.contains("mean of 8")].to_dict("records")
    eagle_s = by_pool["eagle"].metrics["time_to_value_s"].value
    assert formula["batch_s"] == pytest.approx(4 * (eagle_s or 0.0) / 8 + 2)
    assert formula["kind"] == "projected"
    [model] = points[(points["n_qubits"] == 4) & points["series"].str.contains("Eagle r3")].to_dict("records")
    assert formula["batch_s"] == pytest.approx(model["batch_s"], rel=0.1)
    caption = (results / "figures" / "fig6.json").read_text()
    assert all(re.search(words, caption) for words in ("perfect scaling", "no queue", "repetition delay"))
    written = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(written) > 10
    assert not [file for file in written if KEY.encode() in file.read_bytes()]
