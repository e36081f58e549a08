"""Turning pydantic's report into the one line a person needs: the key, its value, the rule, the choices."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from .errors import nearest, one_line

_LONGEST_VALUE: Final = 60
_WITHOUT_VALUE: Final = frozenset({"missing", "rule"})
_WORDS: Final = {
    "Input should": "must",
    "a valid array": "a list",
    "an object": "a table",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid string": "a text in quotes",
    "a valid boolean": "true or false",
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
}
"""pydantic's words, and what they mean to the author of a TOML file."""
_WHOLE: Final = {
    "missing": "missing",
    "string_pattern_mismatch": "has another form than it must",
    "string_too_short": "must not be empty",
}
_NAMES_A_KEY: Final = re.compile(r"(\w+) = ")


def explain(error: ValidationError, data: object, *, root: str = "", rules: Mapping[str, str] | None = None) -> str:
    """Return one line for the first problem that pydantic found.

    Parameters
    ----------
    error
        What pydantic raised.
    data
        The value that was validated, from which the path and the offending value are read.
    root
        Path of ``data`` itself, for example ``apps[0].params``.
    rules
        What a key is meant to hold, in words, by its path without indices (``apps.repeats``).
    """
    problems = error.errors(include_url=False)
    path, value = _place(problems[0]["loc"], data)
    alike = [problem for problem in problems if _place(problem["loc"], data)[0] == path]
    others = len({_place(problem["loc"], data)[0] for problem in problems}) - 1
    first = problems[0]
    line = f"{_joined(root, path)}{_shown(first, value)}{' or '.join(dict.fromkeys(map(_rule, alike)))}"
    line += ("" if first["type"] == "rule" else _expected(path, rules or {})) + _hint(first, value)
    return one_line(line) + (f" (and {others} more)" if others else "")


def _place(loc: Sequence[int | str], data: object) -> tuple[str, object]:
    """Follow ``loc`` as far as it names keys that can be in a file; the rest names members of a union."""
    path = ""
    for part in loc:
        if isinstance(data, list) and isinstance(part, int) and part < len(data):
            path, data = f"{path}[{part}]", data[part]
        elif isinstance(data, dict) and isinstance(part, str):
            path, data = _joined(path, part), data.get(part)
        elif not (isinstance(data, dict) and part == 0):  # one table where a list of tables may be
            break
    return path, data


def _joined(root: str, path: str) -> str:
    return f"{root}.{path}" if root and path and not path.startswith("[") else root + path


def _shown(problem: Any, value: object) -> str:
    context = problem.get("ctx", {})
    if "key" in context:
        return f".{context['key']}: " if problem["loc"] else f"{context['key']}: "
    if problem["type"] in _WITHOUT_VALUE or isinstance(value, dict):
        return "." if _NAMES_A_KEY.match(_rule(problem)) and problem["loc"] else ": "
    text = repr(value)
    return f" = {text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + '…'}: "


def _rule(problem: Any) -> str:
    if problem["type"] in _WHOLE:
        return _WHOLE[problem["type"]]
    text = str(problem["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    for theirs, ours in _WORDS.items():
        text = text.replace(theirs, ours)
    return text


def _expected(path: str, rules: Mapping[str, str]) -> str:
    rule = rules.get(re.sub(r"\[\d+\](?=\.)", "", path))
    return f" ({rule})" if rule else ""


def _hint(problem: Any, value: object) -> str:
    kind = problem["type"]
    if kind == "list_type" and isinstance(value, dict):
        return "; a table of this kind has two brackets: [[…]]"
    if kind in ("list_type", "tuple_type", "set_type"):
        return "; a list is an axis, so a value that is itself a list is written [[…]]"
    if kind == "literal_error" and isinstance(value, str):
        return nearest(value, re.findall(r"'([^']*)'", str(problem["ctx"]["expected"])))
    return ""
