"""How a family (engines, launchers) finds its members: a table of ``name -> "module:attribute"`` and entry points."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from .errors import InvalidDescription


def _outsiders(group: str) -> dict[str, str]:
    from importlib.metadata import entry_points  # 50 ms, which only those who ask for a member should pay

    return {point.name: point.value for point in entry_points(group=group)}


def member_names(group: str, built_in: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of all members, built in or installed under the entry-point group, sorted."""
    return tuple(sorted({*built_in, *_outsiders(group)}))


def load_member(group: str, built_in: Mapping[str, str], name: str) -> Any:
    """Import and return one member.

    Raises
    ------
    InvalidDescription
        If there is no member of that name, or its library is not installed; the message says what to do.
    """
    target = built_in.get(name) or _outsiders(group).get(name)
    family = group.rpartition(".")[2].removesuffix("s")
    if target is None:
        choices = ", ".join(member_names(group, built_in))
        raise InvalidDescription(f"{family} = {name!r}: must be one of {choices}")
    module, _, attribute = target.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        hint = f"pip install 'qhpc-miniapps[{name}]'"
        raise InvalidDescription(f"{family} = {name!r}: needs the package {error.name!r} ({hint})") from error


def check_options(family: str, name: str, options: Mapping[str, Any], allowed: Mapping[str, type]) -> None:
    """Refuse unknown or wrongly typed options of a member.

    Raises
    ------
    InvalidDescription
        Naming the option, the rule and the valid options.
    """
    for key, value in options.items():
        if key not in allowed:
            choices = ", ".join(sorted(allowed)) or "none"
            raise InvalidDescription(f"{family}_options: unknown option {key!r} of {name!r}; it has: {choices}")
        kind = allowed[key]
        accepted = (int, float) if kind is float else (kind,)
        if not isinstance(value, accepted) or (kind is not bool and isinstance(value, bool)):
            raise InvalidDescription(f"{family}_options: {key} = {value!r}: must be of type {kind.__name__}")
