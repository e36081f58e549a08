"""The skeleton of a new mini-app: files from templates, checked before any of them is written."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path
from re import fullmatch
from string import Template
from typing import Final

from .errors import UserError

_TEMPLATES: Final = Path(__file__).with_name("templates") / "new_app"
_ROOT: Final = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Scaffold:
    """What was written.

    Attributes
    ----------
    name
        Name of the mini-app.
    files
        Every file, in the order it was written.
    campaign, test
        Those of them to begin with.
    register
        What is left to do to make it known by name, for a person.
    """

    name: str
    files: tuple[Path, ...]
    campaign: Path
    test: Path
    register: str


def write_outside(name: str, directory: Path) -> Scaffold:
    """Write a package of its own to ``directory/name``.

    Raises
    ------
    UserError
        If the name cannot be used or a file is in the way; nothing is written then.
    """
    _refuse_name(name)
    if find_spec(name) is not None:
        raise UserError(f"{name!r}: a Python module of this name exists already; choose another")
    home = directory / name
    package = home / name
    campaign, test = home / "campaign.toml", home / "tests" / f"test_{name}.py"
    words = _words(name, package=name, door="miniapps", campaign=campaign)
    files = {
        **_package(package),
        home / "README.md": "README.md",
        home / "pyproject.toml": "pyproject.toml",
        campaign: "campaign.toml",
        test: "test.py",
    }
    register = f"pip install --no-build-isolation --no-deps -e {home}"
    return Scaffold(name, _write(files, words), campaign, test, register)


def write_inside(name: str, root: Path = _ROOT) -> Scaffold:
    """Write a mini-app into the checkout at ``root``.

    Raises
    ------
    UserError
        If the name cannot be used, a file is in the way, or ``root`` is no checkout; nothing is written then.
    """
    _refuse_name(name)
    if not (root / "pyproject.toml").is_file():
        raise UserError(f"{root} is not a checkout of the project; leave --inside out")
    package = root / "miniapps" / name
    campaign, test = package / "campaign.toml", root / "tests" / "miniapps" / f"test_{name}.py"
    words = _words(name, package=f"miniapps.{name}", door="miniapps._app", campaign=campaign)
    files = {**_package(package), package / "README.md": "README.md", campaign: "campaign.toml", test: "test.py"}
    register = f'in miniapps/__init__.py, add to _BUILT_IN: "{name}": "miniapps.{name}:APP",'
    return Scaffold(name, _write(files, words), campaign, test, register)


def _refuse_name(name: str) -> None:
    from miniapps import names

    if not fullmatch(r"[a-z][a-z0-9_]{0,40}", name) or iskeyword(name):
        raise UserError(f"{name!r}: a mini-app's name is snake_case: letters, digits and '_', a letter first")
    if name in names():
        raise UserError(f"{name!r}: a mini-app of this name is installed; others: {', '.join(names())}")


def _words(name: str, *, package: str, door: str, campaign: Path) -> dict[str, str]:
    return {
        "name": name,
        "slug": name.replace("_", "-"),
        "Class": "".join(part.capitalize() for part in name.split("_")) + "Params",
        "package": package,
        "door": door,
        "campaign": str(campaign),
    }


def _package(package: Path) -> dict[Path, str]:
    return {
        package / "__init__.py": "label.py",
        package / "params.py": "params.py",
        package / "kernels.py": "kernels.py",
        package / "flow.py": "flow.py",
    }


def _write(files: dict[Path, str], words: dict[str, str]) -> tuple[Path, ...]:
    for path in files:
        if path.exists():
            raise UserError(f"{path} exists already; nothing was written")
    texts = {path: Template(_read(template)).substitute(words) for path, template in files.items()}
    for path, text in texts.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}") from error
    return tuple(files)


def _read(template: str) -> str:
    return (_TEMPLATES / f"{template}.tmpl").read_text("utf-8")
