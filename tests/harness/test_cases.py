"""From a campaign to its cases: axes, zips, includes, excludes, pools, keys."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cases import Case, expand, key_of, pools
from harness.errors import CampaignError
from harness.spec import Campaign, parse_campaign


def campaign(app: str = "", top: str = "", **params: Any) -> Campaign:
    data = tomllib.loads(f'name = "t"\nseed = 5\n{top}\n[[apps]]\nname = "tests.harness.toy:APP"\n{app}')
    data["apps"][0]["params"] = {**data["apps"][0].get("params", {}), **params}
    return parse_campaign(data)


def values(found: list[Case], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(case.values[name] for name in names) for case in found]


def test_axes_are_multiplied_the_first_one_slowest() -> None:
    cases = expand(campaign(n_tasks=[1, 2], rounds=[3, 4], ratio=2)).cases
    assert values(cases, "n_tasks", "rounds", "ratio") == [(1, 3, 2.0), (1, 4, 2.0), (2, 3, 2.0), (2, 4, 2.0)]


def test_a_zip_advances_together_and_is_multiplied_with_the_axes() -> None:
    cases = expand(campaign("[apps.zip]\nrounds = [7, 8]\nratio = [1, 2]", n_tasks=[1, 2])).cases
    assert values(cases, "n_tasks", "rounds", "ratio") == [(1, 7, 1.0), (1, 8, 2.0), (2, 7, 1.0), (2, 8, 2.0)]


def test_two_zips_are_multiplied_with_each_other() -> None:
    cases = expand(campaign("[[apps.zip]]\nrounds = [7, 8]\n[[apps.zip]]\nratio = [1, 2]")).cases
    assert values(cases, "rounds", "ratio") == [(7, 1.0), (7, 2.0), (8, 1.0), (8, 2.0)]


def test_an_include_goes_over_the_single_values_only() -> None:
    text = "[[apps.include]]\nn_tasks = 9\n[[apps.include]]\nmemory = [1, 2]"
    cases = expand(campaign(text, n_tasks=[1, 2], rounds=3)).cases
    found = values(cases, "n_tasks", "rounds", "memory")
    assert found == [(1, 3, 1024), (2, 3, 1024), (9, 3, 1024), (2, 3, 1), (2, 3, 2)]


def test_an_exclude_leaves_out_and_keeps_the_reason() -> None:
    text = '[[apps.exclude]]\nwhen = "n_tasks > 1 and rounds == 1"\nreason = "enough"'
    found = expand(campaign(text, n_tasks=[1, 2], rounds=[1, 2]))
    assert values(found.cases, "n_tasks", "rounds") == [(1, 1), (1, 2), (2, 2)]
    assert [(e.case.values["n_tasks"], e.reason) for e in found.excluded] == [(2, "enough")]
    assert found.remarks == []


def test_an_exclude_sees_defaults_engine_and_pool_and_a_useless_one_is_remarked() -> None:
    text = (
        "[[apps.exclude]]\nwhen = \"behaviour == 'ok' and engine == 'inline'\"\nreason = \"a\"\n"
        '[[apps.exclude]]\nwhen = "pool == \'nowhere\'"\nreason = "b"'
    )
    found = expand(campaign(text, '[[pilots]]\nengine = "inline"\n[[pilots]]\nengine = "processes"'))
    assert [case.pool.engine for case in found.cases] == ["processes"]
    assert found.remarks == ["apps[0].exclude[1] leaves nothing out: pool == 'nowhere'"]


def test_a_value_that_is_a_list_is_an_axis_of_one() -> None:
    cases = expand(campaign(words=[["a", "b"], []])).cases
    assert [case.values["words"] for case in cases] == [["a", "b"], []]
    with pytest.raises(CampaignError, match=r"words = 'a': must be a list; .* written \[\[…\]\]"):
        expand(campaign(words=["a", "b"]))


def test_the_campaign_fills_the_seed_that_the_parameters_leave_open() -> None:
    filled, own = expand(campaign()).cases[0], expand(campaign(seed=9)).cases[0]
    assert (filled.values["seed"], filled.seed) == (5, 5)
    assert (own.values["seed"], own.seed) == (9, 9)


def test_pilots_are_alternatives_unless_they_share_a_pool() -> None:
    top = """
    [[pilots]]
    engine = "inline"
    [[pilots]]
    name = "a"
    pool = "both"
    [[pilots]]
    name = "b"
    pool = "both"
    engine = "ray"
    """
    found = pools(campaign(top=top))
    assert [(pool.label, [pilot.name for pilot in pool.pilots], pool.engine) for pool in found] == [
        ("inline", ["inline"], "inline"),
        ("both", ["a", "b"], "processes+ray"),
    ]
    assert [case.pool.label for case in expand(campaign(top=top, n_tasks=[1, 2])).cases] == ["inline", "both"] * 2


def test_without_pilots_there_is_one_of_the_default_engine() -> None:
    assert [pool.label for pool in pools(campaign())] == ["processes"]


# ---------------------------------------------------------------- keys


def key(app: str = "", top: str = "", **params: Any) -> str:
    (case,) = expand(campaign(app, top, **params)).cases
    return case.key


def test_the_key_is_pinned_so_that_no_change_here_orphans_old_results() -> None:
    pool = [{"name": "here", "engine": "inline", "nodes": 1}]
    assert key_of("toy", 1, {"n": 2, "x": 0.5}, pool=pool, seed=7) == "b127afa8ab5ee827"


def test_the_key_can_be_made_again_from_a_record() -> None:
    (case,) = expand(campaign()).cases
    assert case.key == key_of(case.app.name, case.app.version, case.values, pool=case.pool.as_record(), seed=case.seed)


@pytest.mark.parametrize(
    "same",
    [
        {"app": "repeats = 9\nwarmups = 4\ntime_limit_s = 3"},
        {"top": '[[pilots]]\nname = "else"'},
        {"top": "[[pilots]]\nwalltime_s = 60"},
        {"top": '[[pilots]]\npool = "p"'},
        {"n_tasks": 2},
        {"ratio": 1},
        {"seed": 5},
    ],
    ids=str,
)
def test_the_key_does_not_hold_names_repeats_limits_or_how_a_default_was_written(same: dict[str, Any]) -> None:
    assert key(**same) == key()


@pytest.mark.parametrize(
    "other",
    [
        {"n_tasks": 3},
        {"seed": 6},
        {"top": '[[pilots]]\nengine = "inline"'},
        {"top": "[[pilots]]\ncores_per_node = 1"},
        {"top": "[[pilots]]\ngpus_per_node = 1"},
        {"top": "[[pilots]]\n[pilots.launcher_options]\noversubscribe = true"},
        {"top": '[[pilots]]\nname = "a"\npool = "p"\n[[pilots]]\nname = "b"\npool = "p"'},
    ],
    ids=str,
)
def test_the_key_holds_parameters_seed_and_what_the_pool_is(other: dict[str, Any]) -> None:
    assert key(**other) != key()


@given(st.permutations(["n_tasks", "rounds", "memory", "ratio"]))
def test_the_key_does_not_depend_on_the_order_of_writing(order: list[str]) -> None:
    values: dict[str, Any] = {"n_tasks": 3, "rounds": 2, "memory": 7, "ratio": 0.25}
    assert key(**{name: values[name] for name in order}) == key(**values)
