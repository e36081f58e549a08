"""Was the advice right? Groups, splits, baselines, regret, and how sure one can be. Pure numbers in and out.

A *group* is one decision: a circuit, its shots and its workers, with the measured time of every choice that was tried.
Groups of one circuit are not independent, so splits go by circuit and the bootstrap draws circuits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

NEAR = 1.05
"""A choice within 5 % of the best counts as right: no two runs agree better."""
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Group:
    """One decision.

    Attributes
    ----------
    circuit, family
        What was run; groups of one circuit stay together in every split.
    shots, workers
        The rest of the decision's circumstances.
    seconds
        Measured time of each choice.
    noise_s
        Deviation that a timer on this machine shows for such times; choices this near to the best count as right.
    """

    circuit: str
    family: str
    shots: int
    workers: int
    seconds: Mapping[str, float]
    noise_s: float = 0.0

    def __post_init__(self) -> None:
        if len(self.seconds) < 2:
            raise ValueError(f"group {self.circuit!r}: {len(self.seconds)} choice(s); a decision needs two or more")

    @property
    def best(self) -> str:
        """The fastest choice."""
        return min(self.seconds, key=lambda choice: self.seconds[choice])

    @property
    def right(self) -> frozenset[str]:
        """The choices that cannot be told from the best."""
        limit = max(self.seconds[self.best] * NEAR, self.seconds[self.best] + self.noise_s)
        return frozenset(choice for choice, seconds in self.seconds.items() if seconds <= limit)

    def regret(self, choice: str) -> float:
        """Return T(choice)/T(best); 1 for a choice that cannot be told from the best is not assumed."""
        return self.seconds[choice] / self.seconds[self.best]


Chooser = Callable[[Group], str]
"""Names one of a group's choices; may look at anything but its seconds."""


@dataclass(frozen=True, slots=True)
class Score:
    """How good a chooser was.

    Attributes
    ----------
    groups, circuits
        How many decisions, about how many circuits.
    top1, top1_low, top1_high
        Share of right decisions, with its interval (bootstrap over circuits).
    regret_mean, regret_p95, regret_max
        T(chosen)/T(best): geometric mean, 95th percentile, largest.
    """

    groups: int
    circuits: int
    top1: float
    top1_low: float
    top1_high: float
    regret_mean: float
    regret_p95: float
    regret_max: float


def score(groups: Sequence[Group], choose: Chooser, *, seed: int = 0, draws: int = 2000) -> Score:
    """Score a chooser on groups.

    Raises
    ------
    ValueError
        If there is no group, or the chooser names what is no choice of a group.
    """
    if not groups:
        raise ValueError("no group to score")
    chosen = [choose(group) for group in groups]
    for group, choice in zip(groups, chosen, strict=True):
        if choice not in group.seconds:
            raise ValueError(f"{choice!r} is no choice of {group.circuit!r}: {', '.join(group.seconds)}")
    right = np.array([choice in group.right for group, choice in zip(groups, chosen, strict=True)], dtype=float)
    regret = np.array([group.regret(choice) for group, choice in zip(groups, chosen, strict=True)])
    low, high = _interval(groups, right, seed=seed, draws=draws)
    return Score(
        groups=len(groups),
        circuits=len({group.circuit for group in groups}),
        top1=float(right.mean()),
        top1_low=low,
        top1_high=high,
        regret_mean=float(np.exp(np.log(regret).mean())),
        regret_p95=float(np.quantile(regret, 0.95)),
        regret_max=float(regret.max()),
    )


def _interval(
    groups: Sequence[Group], right: np.ndarray[tuple[int, ...], np.dtype[np.float64]], *, seed: int, draws: int
) -> tuple[float, float]:
    """Return the percentile interval of the share of right decisions, circuits drawn with replacement."""
    circuits = sorted({group.circuit for group in groups})
    place = {circuit: index for index, circuit in enumerate(circuits)}
    hits, sizes = np.zeros(len(circuits)), np.zeros(len(circuits))
    for group, one in zip(groups, right, strict=True):
        hits[place[group.circuit]] += one
        sizes[place[group.circuit]] += 1
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(circuits), size=(draws, len(circuits)))
    shares = hits[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(shares, [tail, 1 - tail])
    return float(low), float(high)


# ---------------------------------------------------------------- splits


@dataclass(frozen=True, slots=True)
class Split:
    """Groups to learn from, and groups to be judged by; no circuit is in both."""

    name: str
    train: tuple[Group, ...]
    test: tuple[Group, ...]


def by_share(groups: Sequence[Group], share: float, *, repeats: int = 20, seed: int = 0) -> Iterator[Split]:
    """Yield random splits by circuit with this share of the circuits for training, stratified by family.

    Each family gives its share, rounded by chance, so that small families are not always on one side.
    """
    families: dict[str, list[str]] = {}
    for group in groups:
        families.setdefault(group.family, [])
        if group.circuit not in families[group.family]:
            families[group.family].append(group.circuit)
    rng = np.random.default_rng(seed)
    for number in range(repeats):
        chosen: set[str] = set()
        for circuits in families.values():
            count = int(share * len(circuits) + rng.random())
            chosen.update(np.array(circuits)[rng.permutation(len(circuits))[:count]])
        train = tuple(group for group in groups if group.circuit in chosen)
        test = tuple(group for group in groups if group.circuit not in chosen)
        if train and test:
            yield Split(f"{share:.0%}, {number}", train, test)


def leave_one_family_out(groups: Sequence[Group]) -> Iterator[Split]:
    """Yield for each family the split that judges by it and learns from all others."""
    for family in sorted({group.family for group in groups}):
        train = tuple(group for group in groups if group.family != family)
        test = tuple(group for group in groups if group.family == family)
        if train:
            yield Split(family, train, test)


# ---------------------------------------------------------------- constant answers


def constant(name: str) -> Chooser:
    """Return a chooser that always names the same choice, or where it is missing the first in the order of names."""
    return lambda group: name if name in group.seconds else min(group.seconds)


def with_cuts(prefix: str, cuts: int | None) -> Chooser:
    """Return a chooser of one executor's plan with this many cuts; None means the fewest.

    Choices are named ``"<executor> k=<cuts>"``. Where there is none with that many, the nearest number counts; where
    the executor has no plan, the first choice in the order of names.
    """

    def choose(group: Group) -> str:
        found = {int(name.partition(" k=")[2]): name for name in group.seconds if name.startswith(f"{prefix} k=")}
        if not found:
            return min(group.seconds)
        return found[min(found) if cuts is None else min(found, key=lambda k: (abs(k - cuts), k))]

    return choose


def best_constant(groups: Sequence[Group]) -> tuple[str, float]:
    """Return the choice that is right most often, and its share of all groups."""
    names = sorted({name for group in groups for name in group.seconds})
    shares = {name: sum(name in group.right for group in groups) / len(groups) for name in names}
    best = max(shares, key=lambda name: shares[name])
    return best, shares[best]
