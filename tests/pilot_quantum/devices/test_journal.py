from __future__ import annotations

from pathlib import Path

import pytest

from pilot_quantum import InvalidDescription
from pilot_quantum.devices.journal import Journal

SPENT = {"shots": 20.0, "cost": 3.0, "qpu_s": 0.5}


def test_what_was_flushed_is_known_to_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "journal.jsonl"
    with Journal(path) as journal:
        journal.intent("a", "qpu", ("k/0", "k/1"), shots=10, spent=SPENT)
        journal.sent("a", "id-a")
        journal.intent("b", "qpu", ("k/2",), shots=10, spent=SPENT)
        journal.intent("c", "qpu", ("k/3",), shots=10, spent=SPENT)
        journal.closed("c", "void", "never accepted")
    with Journal(path) as journal:
        assert [(job.tag, job.job_id) for job in journal.open_jobs()] == [("a", "id-a"), ("b", None)]
        assert journal.spent("qpu") == {"shots": 40.0, "cost": 6.0, "qpu_s": 1.0}  # c was never accepted
        journal.done("a", [{"0": 10}, {"1": 10}], {"shots": 20.0, "cost": 1.0, "qpu_s": 0.2})
        assert journal.result("k/1") == {"1": 10}
        assert journal.result("k/2") is None
    with Journal(path) as journal:
        assert [job.tag for job in journal.open_jobs()] == ["b"]
        assert journal.result("k/0") == {"0": 10}
        assert journal.spent("qpu")["cost"] == 4.0
        assert journal.spent("another") == {"shots": 0.0, "cost": 0.0, "qpu_s": 0.0}


def test_a_torn_last_line_is_forgotten_and_damage_elsewhere_is_told(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.intent("a", "qpu", ("k",), shots=1, spent=SPENT)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"step":"sent","tag":"a","jo')
    with Journal(path) as journal:
        assert journal.open_jobs()[0].job_id is None
    assert path.read_bytes() == whole
    path.write_bytes(b"not json\n" + whole)
    with pytest.raises(InvalidDescription, match="damaged at byte 0"):
        Journal(path)


def test_one_process_holds_a_journal(tmp_path: Path) -> None:
    with Journal(tmp_path / "j"), pytest.raises(InvalidDescription, match="another process holds it"):
        Journal(tmp_path / "j")
