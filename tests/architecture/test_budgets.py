"""House budgets: what is too long is split before it lands."""

from __future__ import annotations

import ast
import re
import tokenize
from io import StringIO

from tests.architecture.source import PACKAGES, ROOT, Source, functions, sources

FILE_LINES = 400
FUNCTION_LINES = 60
POSITIONAL = 4
RESULTS_BYTES = 32 * 1024**2

_CODE = sources(*PACKAGES)
_EVERYTHING = sources(*PACKAGES, "tests")
_EXEMPTION = re.compile(r"#\s*(?:noqa:\s*[A-Z0-9, ]+|type:\s*ignore\[[\w, -]+\])(?P<reason>.*)$")


def test_files_are_shorter_than_400_lines() -> None:
    lengths = {source.path: source.text.count("\n") for source in _EVERYTHING}
    assert {path: lines for path, lines in lengths.items() if lines >= FILE_LINES} == {}


def test_functions_have_at_most_60_lines() -> None:
    lengths = {
        f"{source.path}:{node.lineno} {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for source in _EVERYTHING
        for node in functions(source)
    }
    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES} == {}


def test_functions_take_few_arguments_by_position() -> None:
    """The functions behind commands are left out: their parameters are options of the command line."""
    counts = {
        f"{source.path}:{node.lineno} {node.name}": _positional(node)
        for source in _CODE
        if not source.path.startswith("harness/commands/")
        for node in functions(source)
    }
    assert {name: count for name, count in counts.items() if count > POSITIONAL} == {}


def test_every_exemption_from_lint_states_its_reason() -> None:
    comments = [(f"{source.path}:{line}", text) for source in _EVERYTHING for line, text in _comments(source)]
    found = [(place, match["reason"]) for place, text in comments if (match := _EXEMPTION.match(text))]
    assert [place for place, reason in found if len(reason.strip(" -—:;,.")) < 4] == []


def test_shipped_results_are_small() -> None:
    files = [path for path in (ROOT / "results").rglob("*") if path.is_file()]
    assert files
    assert sum(path.stat().st_size for path in files) < RESULTS_BYTES


def _positional(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def _comments(source: Source) -> list[tuple[int, str]]:
    tokens = tokenize.generate_tokens(StringIO(source.text).readline)
    return [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]
