"""The documents point at things that exist."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from harness.spec import parse_campaign
from tests.architecture.source import ROOT

_LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s#]+)[^)]*\)")
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("miniapps/*/README.md"), *ROOT.glob("results/*.md")]
)


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_relative_links_lead_somewhere(document: Path) -> None:
    text = _FENCED.sub("", document.read_text("utf-8"))
    targets = [match["target"] for match in _LINK.finditer(text)]
    local = [target for target in targets if ":" not in target]
    assert [target for target in local if not (document.parent / target).exists()] == []


def test_every_make_target_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {name for document in _DOCUMENTS for name in re.findall(r"`make ([a-z-]+)", document.read_text("utf-8"))}
    assert named - targets == set()


def _blocks(language: str) -> list[str]:
    text = (ROOT / "README.md").read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_first_program_of_the_readme_runs(tmp_path: Path) -> None:
    program = next(block for block in _blocks("python") if "PilotManager" in block)
    script = tmp_path / "first.py"
    script.write_text(program, "utf-8")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "178\n", "")


def test_the_campaign_of_the_readme_is_valid() -> None:
    (text,) = _blocks("toml")
    assert parse_campaign(tomllib.loads(text)).name == "my-study"
