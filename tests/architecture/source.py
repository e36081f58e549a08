"""The project's own source as syntax trees, read once."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("harness", "miniapps", "pilot_quantum", "qdreamer")


@dataclass(frozen=True)
class Source:
    """One Python file: its path from the root, text and tree."""

    path: str
    text: str
    tree: ast.Module

    @property
    def package(self) -> str:
        """Dotted name of the package that relative imports of this file start from."""
        return ".".join(Path(self.path).parent.parts)


@dataclass(frozen=True)
class Import:
    """One imported module, absolute; ``line`` in the file, ``top`` if it happens when the module is imported."""

    path: str
    line: int
    module: str
    top: bool

    @property
    def library(self) -> str:
        """First part of the module's name."""
        return self.module.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.path}:{self.line} imports {self.module}"


@cache
def sources(*folders: str) -> tuple[Source, ...]:
    """Return all Python files below these top-level folders."""
    paths = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    texts = [(path.relative_to(ROOT).as_posix(), path.read_text("utf-8")) for path in paths]
    return tuple(Source(path, text, ast.parse(text, path)) for path, text in texts)


@cache
def imports(*folders: str) -> tuple[Import, ...]:
    """Return every import below these folders, also those inside functions, but not those only for type checking."""
    return tuple(found for source in sources(*folders) for found in _imports(source))


def third_party(found: Import) -> bool:
    """Say whether this import is neither the standard library nor one of our packages."""
    return found.library not in sys.stdlib_module_names and found.library not in (*PACKAGES, "tests")


def functions(source: Source) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function and method of a file."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _imports(source: Source) -> Iterator[Import]:
    pending: list[tuple[ast.AST, bool]] = [(source.tree, True)]
    while pending:
        node, top = pending.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending.extend((child, top) for child in node.orelse)
            continue
        for module in _modules(source, node):
            yield Import(source.path, getattr(node, "lineno", 0), module, top)
        inside = top and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        pending.extend((child, inside) for child in ast.iter_child_nodes(node))


def _modules(source: Source, node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        parents = source.package.split(".")
        above = parents[: len(parents) - node.level + 1] if node.level else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        # `from . import x` names a module of the package; `from .x import y` a name of module x.
        yield from ([base] if node.module else [f"{base}.{alias.name}" for alias in node.names])
