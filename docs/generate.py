"""Pages of the reference that are made from the code: commands, mini-apps, and the keys of a campaign."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any


def write_reference(directory: Path) -> list[Path]:
    """Write the pages and return them; a file that would not change is left alone."""
    directory.mkdir(exist_ok=True)
    pages = {"commands.md": commands(), "mini-apps.md": mini_apps(), "campaign.md": campaign()}
    return [_write(directory / name, text) for name, text in pages.items()]


def _write(file: Path, text: str) -> Path:
    if not file.exists() or file.read_text("utf-8") != text:
        file.write_text(text, "utf-8")
    return file


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in row)} |" for row in lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace("|", "\\|").replace("<", "&lt;")


# ---------------------------------------------------------------- commands


def commands() -> str:
    """Return every command of ``qhpc`` with its arguments and options."""
    from typer.main import get_command

    from harness.cli import app

    group: Any = get_command(app)
    parts = ["# Commands", "", "`qhpc COMMAND --help` says the same. Every command takes `--json`.", ""]
    for name, command in sorted(group.commands.items()):
        if not command.hidden:
            parts += _command(f"qhpc {name}", command)
    return "\n".join(parts)


def _command(name: str, command: Any) -> list[str]:
    text = "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))
    rows = [(_words(parameter), getattr(parameter, "help", None) or "") for parameter in command.params]
    found = [f"## {name}", "", text.replace("<", "&lt;"), "", _table(("", ""), rows) if rows else ""]
    for inner, sub in getattr(command, "commands", {}).items():
        found += _command(f"{name} {inner}", sub)
    return found


def _words(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar or parameter.name.upper()}`"
    return ", ".join(f"`{word}`" for word in (*parameter.opts, *parameter.secondary_opts))


# ---------------------------------------------------------------- mini-apps and campaigns


def mini_apps() -> str:
    """Return every mini-app with its motif and its parameters."""
    import miniapps

    parts = ["# Mini-apps", "", "`qhpc describe NAME` says the same.", ""]
    for name in miniapps.names():
        app = miniapps.load(name)
        card = app.card
        parts += [f"## {name}", "", f"{app.summary} Motif: {card.motif}.", ""]
        about = (
            ("interaction", card.interaction),
            ("coupling", card.coupling),
            ("example", card.example),
            ("middleware", card.middleware_requirements),
            ("integration mode", card.integration_mode),
            ("scenarios", ", ".join(card.scenarios) or "–"),
        )
        parts += [_table(("", ""), about), "", _fields(app.params.model_fields), ""]
    return "\n".join(parts)


def _fields(fields: dict[str, Any]) -> str:
    rows = []
    for name, field in fields.items():
        extra = field.json_schema_extra
        unit = extra.get("unit", "") if isinstance(extra, dict) else ""
        default = "–" if field.is_required() else f"`{field.get_default(call_default_factory=True)}`"
        rows.append((f"`{name}`", unit, default, field.description or ""))
    return _table(("parameter", "unit", "default", ""), rows)


def campaign() -> str:
    """Return the keys of a campaign file."""
    from dataclasses import fields

    from harness.spec import AppEntry, Campaign, Exclude
    from pilot_quantum import PilotDescription

    parts = ["# Campaign files", "", "One TOML file; `qhpc init my.toml` writes a commented one.", ""]
    for title, model in (("Top level", Campaign), ("[[apps]]", AppEntry), ("[[apps.exclude]]", Exclude)):
        rows = [(f"`{name}`", found.description or "") for name, found in model.model_fields.items()]
        parts += [f"## {title}", "", _table(("key", ""), rows), ""]
    rows = [(f"`{field.name}`", f"`{field.type}`") for field in fields(PilotDescription)]
    parts += [
        "## [[pilots]]",
        "",
        "What they mean: `pilot_quantum.PilotDescription`.",
        "",
        _table(("key", "type"), rows),
    ]
    return "\n".join(parts)
