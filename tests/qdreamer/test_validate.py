"""Judging advice: regret and rightness by hand, splits that do not leak, intervals over circuits."""

from __future__ import annotations

import pytest

from qdreamer.validate import (
    Group,
    best_constant,
    by_share,
    constant,
    leave_one_family_out,
    score,
    with_cuts,
)


def group(circuit: str, family: str = "a", noise_s: float = 0.0, **seconds: float) -> Group:
    return Group(
        circuit, family, 1000, 1, {k.replace("__", " ").replace("_", "="): s for k, s in seconds.items()}, noise_s
    )


GROUPS = [
    group(f"{family}{number}", family, full=1.0 + (family == "b") * 9, mps=2.0, cut__k_1=4.0, cut__k_3=3.0)
    for family in "ab"
    for number in range(5)
]


def test_choices_that_cannot_be_told_apart_are_all_right() -> None:
    assert group("c", full=1.0, mps=1.04, other=1.06).right == {"full", "mps"}
    assert group("c", noise_s=0.1, full=1.0, mps=1.09, other=1.2).right == {"full", "mps"}


def test_top_1_and_regret_are_as_by_hand() -> None:
    found = score(GROUPS, constant("full"))
    assert (found.groups, found.circuits, found.top1) == (10, 10, 0.5)
    assert found.regret_max == pytest.approx(5.0)  # 10 s against 2 s
    assert found.regret_mean == pytest.approx(5**0.5)
    assert found.top1_low < 0.5 < found.top1_high


def test_knowing_the_answer_is_certain() -> None:
    found = score(GROUPS, lambda one: one.best)
    assert (found.top1, found.top1_low, found.top1_high, found.regret_max) == (1.0, 1.0, 1.0, 1.0)


def test_many_groups_of_few_circuits_do_not_make_it_surer() -> None:
    few = [group("one", full=1.0, mps=2.0), group("two", full=2.0, mps=1.0)]
    many = [one for one in few for _ in range(100)]
    assert score(many, constant("full")).top1_low == score(few, constant("full")).top1_low == 0.0


def test_constant_answers_by_number_of_cuts() -> None:
    assert with_cuts("cut", None)(GROUPS[0]) == "cut k=1"
    assert with_cuts("cut", 2)(GROUPS[0]) == "cut k=1"
    assert with_cuts("cut", 5)(GROUPS[0]) == "cut k=3"
    assert with_cuts("other", 2)(GROUPS[0]) == "cut k=1"
    assert best_constant(GROUPS) == ("full", 0.5)


def test_no_circuit_is_on_both_sides_of_a_split() -> None:
    doubled = [one for one in GROUPS for _ in range(3)]
    splits = [*by_share(doubled, 0.5, repeats=10, seed=1), *leave_one_family_out(doubled)]
    assert len(splits) == 12
    for split in splits:
        assert not {one.circuit for one in split.train} & {one.circuit for one in split.test}
        assert len(split.train) + len(split.test) == len(doubled)
    assert [len({one.circuit for one in split.test}) for split in splits[-2:]] == [5, 5]


def test_a_share_is_kept_on_average() -> None:
    sizes = [len({one.circuit for one in split.train}) for split in by_share(GROUPS, 0.7, repeats=200, seed=2)]
    assert sum(sizes) / len(sizes) == pytest.approx(7.0, abs=0.2)


def test_what_is_no_decision_or_no_choice_is_refused() -> None:
    with pytest.raises(ValueError, match=r"1 choice\(s\); a decision needs two"):
        group("c", full=1.0)
    with pytest.raises(ValueError, match="'best' is no choice of 'a0': full, mps"):
        score(GROUPS, lambda _: "best")
    with pytest.raises(ValueError, match="no group"):
        score([], constant("full"))
