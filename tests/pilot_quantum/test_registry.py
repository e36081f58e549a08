"""How families find their members, ours and those of outsiders."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest

from pilot_quantum import InvalidDescription, PilotDescription, PilotManager, engines, launchers
from pilot_quantum._registry import check_options, load_member, member_names
from pilot_quantum.engines.inline import InlineEngine

GROUP = "pilot_quantum.engines"


def test_every_engine_is_named_once_in_order() -> None:
    names = engines.names()
    assert list(names) == sorted(set(names))
    assert {"inline", "processes", "ray", "dask", "mpi"} <= set(names)
    assert "local" in launchers.names()


@pytest.mark.parametrize("name", engines.names())
def test_an_engine_keeps_the_contract_of_its_class(name: str) -> None:
    try:
        engine = engines.load(name)
    except InvalidDescription as error:
        assert f"[{name}]" in str(error)  # noqa: PT017 - not installed: it must say how to install it
        return
    assert issubclass(engine, engines.AbstractEngine)
    assert isinstance(engine.can_stop, bool)


def test_a_member_whose_library_is_missing_says_how_to_install_it() -> None:
    with pytest.raises(InvalidDescription, match=r"engine = 'far'.*no_such_library.*pip install") as caught:
        load_member(GROUP, {"far": "no_such_library.engine:Engine"}, "far")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_an_unknown_member_is_refused_with_the_choices() -> None:
    with pytest.raises(InvalidDescription, match="engine = 'x': must be one of a, b"):
        load_member("pilot_quantum.nothing.engines", {"b": "m:B", "a": "m:A"}, "x")


def test_options_are_checked_by_name_and_type() -> None:
    allowed = {"port": int, "wait_s": float, "quiet": bool, "path": str}
    check_options("engine", "e", {"port": 1, "wait_s": 2, "quiet": True, "path": "x"}, allowed)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"prot": 1}, "unknown option 'prot' of 'e'; it has: path, port, quiet, wait_s"),
        ({"port": "1"}, "port = '1': must be of type int"),
        ({"port": True}, "port = True"),
        ({"wait_s": True}, "wait_s = True"),
        ({"quiet": 1}, "quiet = 1"),
        ({"port": 1.5}, "port = 1.5"),
    ]
    for options, said in wrong:
        with pytest.raises(InvalidDescription) as caught:
            check_options("engine", "e", options, allowed)
        assert said in str(caught.value)
    with pytest.raises(InvalidDescription, match="it has: none"):
        check_options("engine", "e", {"x": 1}, {})


@pytest.fixture
def outsider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An engine that another distribution has installed."""
    information = tmp_path / "outsider-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: outsider\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[{GROUP}]\nforeign = outsider_engine:Foreign\n")
    module = types.ModuleType("outsider_engine")
    module.Foreign = type("Foreign", (InlineEngine,), {})  # type: ignore[attr-defined]  # a module made here
    monkeypatch.setitem(sys.modules, "outsider_engine", module)
    monkeypatch.syspath_prepend(str(tmp_path))
    return "foreign"


def test_an_outsider_s_engine_is_found_and_works(outsider: str) -> None:
    assert outsider in engines.names()
    assert outsider in member_names(GROUP, {})
    with PilotManager() as manager:
        manager.submit_pilot(PilotDescription(engine=outsider))
        assert manager.submit_task(abs, -4).result(30) == 4
