"""``qhpc describe``: a mini-app's motif and parameters, or what a campaign holds."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._common import Json, emit, load_campaign, naming, out, table

if TYPE_CHECKING:
    from harness.spec import CampaignFile
    from miniapps import MiniApp


def describe(
    name: Annotated[str, typer.Argument(metavar="APP|CAMPAIGN", help="A mini-app, or a campaign (file or name).")],
    as_json: Json = False,
) -> int:
    """Describe a mini-app (motif, parameters with units, rules and defaults) or a campaign."""
    import miniapps
    from harness.spec import shipped

    if name in miniapps.names() or ":" in name:
        found = _app(_loaded(name))
        emit(found) if as_json else _show_app(found)
        return 0
    if name not in shipped() and not name.endswith(".toml") and "/" not in name:
        _refuse(name, [*miniapps.names(), *shipped()])
    found = _campaign(load_campaign(name))
    emit(found) if as_json else _show_campaign(found)
    return 0


def _loaded(name: str) -> MiniApp:
    import miniapps
    from harness.errors import UserError

    if ":" in name:
        sys.path.insert(0, str(Path.cwd()))
    try:
        return miniapps.load(name)
    except miniapps.UnknownMiniApp as error:
        raise UserError(str(error)) from error


def _refuse(name: str, choices: list[str]) -> None:
    from harness.errors import UserError, nearest

    raise UserError(f"no mini-app or campaign {name!r}; valid: {', '.join(choices)}{nearest(name, choices)}")


def _app(app: MiniApp) -> dict[str, Any]:
    schema = app.params.model_json_schema()
    required = set(schema.get("required", ()))
    return {
        "name": app.name,
        "version": app.version,
        "summary": app.summary,
        "card": asdict(app.card),
        "params": [
            {"name": name, "required": name in required, **_parameter(values, schema.get("$defs", {}))}
            for name, values in schema.get("properties", {}).items()
        ],
    }


def _parameter(values: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": _type(values, definitions),
        "rule": _rule(values, definitions),
        "unit": values.get("unit"),
        "default": values.get("default"),
        "description": values.get("description", ""),
    }


def _resolved(values: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    reference = values.get("$ref")
    return definitions.get(reference.rpartition("/")[2], {}) if reference else values


def _type(values: dict[str, Any], definitions: dict[str, Any]) -> str:
    values = _resolved(values, definitions)
    if "anyOf" in values:
        return " or ".join(dict.fromkeys(_type(choice, definitions) for choice in values["anyOf"]))
    if "enum" in values or "const" in values:
        return "name"
    kind = str(values.get("type", "value"))
    return f"list of {_type(values['items'], definitions)}" if kind == "array" and "items" in values else kind


def _rule(values: dict[str, Any], definitions: dict[str, Any]) -> str:
    values = _resolved(values, definitions)
    if "anyOf" in values:
        return " or ".join(filter(None, (_rule(choice, definitions) for choice in values["anyOf"])))
    if "enum" in values:
        return " | ".join(map(str, values["enum"]))
    if "const" in values:
        return str(values["const"])
    if "items" in values:
        return _rule(values["items"], definitions)
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    return ", ".join(f"{sign} {values[key]}" for key, sign in signs.items() if key in values)


def _show_app(app: dict[str, Any]) -> None:
    card = app["card"]
    out().print(f"[bold]{app['name']}[/bold] (version {app['version']}): {app['summary']}")
    rows = [[name.replace("_", " "), ", ".join(v) if isinstance(v, tuple) else str(v)] for name, v in card.items() if v]
    table(["motif card", ""], rows)
    rows = [
        [
            p["name"],
            p["type"],
            p["rule"],
            p["unit"] or "",
            "required" if p["required"] else str(p["default"]),
            p["description"],
        ]
        for p in app["params"]
    ]
    table(["parameter", "type", "rule", "unit", "default", ""], rows)


def _campaign(file: CampaignFile) -> dict[str, Any]:
    from harness.cases import expand, pools

    campaign = file.campaign
    with naming(file):
        expansion = expand(campaign)
    return {
        "name": campaign.name,
        "file": str(file.path),
        "description": campaign.description,
        "seed": campaign.seed,
        "pools": [{"label": pool.label, "pilots": pool.as_record()} for pool in pools(campaign)],
        "apps": [entry.model_dump(mode="json") for entry in campaign.apps],
        "cases": len(expansion.cases),
        "repeats": sum(case.repeats for case in expansion.cases),
        "excluded": len(expansion.excluded),
        "remarks": expansion.remarks,
    }


def _show_campaign(found: dict[str, Any]) -> None:
    out().print(f"[bold]{found['name']}[/bold]: {found['description'] or 'no description'}")
    left_out = f", {found['excluded']} left out" if found["excluded"] else ""
    out().print(f"{found['cases']} cases{left_out}, {found['repeats']} repeats, seed {found['seed']}; {found['file']}")
    rows = [
        [pool["label"], pilot["name"], pilot["engine"], pilot["launcher"], _size(pilot)]
        for pool in found["pools"]
        for pilot in pool["pilots"]
    ]
    table(["pool", "pilot", "engine", "launcher", "size"], rows)
    rows = [
        [app["name"], name, str(value), f"{app['repeats']} + {app['warmups']} warm-ups"]
        for app in found["apps"]
        for name, value in {**app["params"], **{k: v for group in app["zip"] for k, v in group.items()}}.items()
    ]
    table(["mini-app", "parameter", "values", "repeats"], rows)


def _size(pilot: dict[str, Any]) -> str:
    cores = "all cores" if pilot["cores_per_node"] is None else f"{pilot['cores_per_node']} cores"
    gpus = "" if pilot["gpus_per_node"] == 0 else f", {pilot['gpus_per_node'] or 'all'} GPUs"
    return f"{pilot['nodes']} x {cores}{gpus}" if pilot["nodes"] > 1 else f"{cores}{gpus}"
