"""Simulator ``jax``: a state vector in shards over XLA devices of any number of processes. Worker side."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._circuits.gates import Circuit
from . import limits
from .elements import Elements, elements_of
from .kernels import Job, Share, own_process
from .layout import layout
from .observables import Group, groups
from .program import Program, program, roll
from .session import Place, Session, session, silent
from .xla import computation, inputs

_COMPILED = "/jax/core/compile/backend_compile_duration"
_CACHE_HIT = "/jax/compilation_cache/cache_hits"
_CACHE_MISS = "/jax/compilation_cache/cache_misses"
_seen = {"hits": 0, "misses": 0}


@dataclass(frozen=True, slots=True)
class Part:
    """The program of one measurement basis, compiled."""

    group: Group
    elements: Elements
    made: Program
    given: Any
    compiled: Any


def compute(job: Job, circuit: Circuit, place: Place) -> Share:
    """Compute values and gradient; see `kernels.Share`."""
    with session(place, own_process=own_process(job)) as here:
        start = time.perf_counter()
        programs = [_program(job, circuit, group, place) for group in groups(job.terms)]
        built = time.perf_counter()
        with _counted_compilations() as compilations:
            parts = [_compiled(job, here, entry) for entry in programs]
        compiled = time.perf_counter()
        seconds: list[float] = []
        answers: list[Any] = []
        for _ in range(job.evaluations):
            began = time.perf_counter()
            with silent() if place.size > 1 and not seconds else nullcontext():
                answers = [_evaluated(part) for part in parts]
            seconds.append(time.perf_counter() - began)
        counts = {**_counts(job, circuit, parts, place), **compilations}
        if job.limits:
            counts |= _limits(job, circuit, here, counts)
        values, gradient = _joined(job, len(elements_of(circuit.n_qubits, circuit.gates).parameters), parts, answers)
        phases = {**here.phases_s, "build": built - start, "compile": compiled - built}
        return Share(values, gradient, seconds, phases, counts)


def _program(job: Job, circuit: Circuit, group: Group, place: Place) -> tuple[Group, Elements, Program]:
    elements = elements_of(circuit.n_qubits, (*circuit.gates, *group.basis))
    n_global = (place.size * place.shards).bit_length() - 1
    return group, elements, program(layout(elements, group.supports, n_global), double=job.double)


def _compiled(job: Job, here: Session, entry: tuple[Group, Elements, Program]) -> Part:
    group, elements, made = entry
    weights = [job.terms[place].factor if job.mode == "vjp" else 1.0 for place in group.places]
    given = inputs(made, elements.parameters, weights)
    key = (made.shard, made.kinds, job.mode, tuple(here.devices), _shapes(given))
    return Part(group, elements, made, given, _Compiler(made, given).compiled(key))


def _shapes(given: Any) -> tuple[Any, ...]:
    import jax

    return tuple((leaf.shape, str(leaf.dtype)) for leaf in jax.tree.leaves(given))


class _Compiler:
    """Compiles once for each key: equal kinds, shapes and devices have equal computations."""

    def __init__(self, made: Program, given: Any) -> None:
        self.made, self.given = made, given

    def compiled(self, key: tuple[Any, ...]) -> Any:
        return _compile_once(key, self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Compiler)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=16)
def _compile_once(key: tuple[Any, ...], compiler: _Compiler) -> Any:
    return computation(compiler.made, key[2], key[3]).lower(compiler.given).compile()


def _evaluated(part: Part) -> Any:
    import jax

    return jax.block_until_ready(part.compiled(part.given))


@contextmanager
def _counted_compilations() -> Iterator[dict[str, float]]:
    """Count what XLA compiles and what comes from the cache meanwhile."""
    from jax import monitoring

    if "listening" not in _seen:
        monitoring.register_event_listener(_note)
        _seen["listening"] = 1
    before = dict(_seen)
    counted: dict[str, float] = {}
    yield counted
    counted["compilations"] = _seen["misses"] - before["misses"]
    counted["from_cache"] = _seen["hits"] - before["hits"]


def _note(event: str, **_facts: Any) -> None:
    if event == _CACHE_HIT:
        _seen["hits"] += 1
    elif event == _CACHE_MISS:
        _seen["misses"] += 1


def _joined(
    job: Job, n_parameters: int, parts: list[Part], answers: list[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Put the terms of all parts in order; gradients of a weighted sum add up."""
    values = np.zeros(len(job.terms))
    gradient = None
    if job.mode != "expval":
        gradient = np.zeros((len(job.terms), n_parameters) if job.mode == "jacobian" else n_parameters)
    for part, answer in zip(parts, answers, strict=True):
        found, slopes = (answer, None) if job.mode == "expval" else answer
        places = list(part.group.places)
        values[places] = np.asarray(found) * part.made.layout.signs
        if gradient is None or slopes is None:
            continue
        derivative = _gradient(part, slopes)[..., :n_parameters]
        if job.mode == "jacobian":
            gradient[places] = derivative
        else:
            gradient += derivative
    return values, gradient


def _gradient(part: Part, slopes: Any) -> NDArray[np.float64]:
    """Return derivatives by the circuit's parameters from derivatives by the angles of all steps."""
    import jax

    start, head, body, tail = jax.tree.map(np.asarray, slopes)
    rolled = roll(part.made.kinds)
    leading = start.ndim - 1
    middle = [
        jax.tree.map(lambda array, at=repeat: np.take(array, at, axis=leading), body[place])
        for repeat in range(rolled.count if body else 0)
        for place in range(rolled.period)
    ]
    return part.made.gradient(start, [*head, *middle, *tail], len(part.elements.parameters))


def _counts(job: Job, circuit: Circuit, parts: list[Part], place: Place) -> dict[str, float]:
    amplitude = 16 if job.double else 8
    state = float(amplitude * 2**circuit.n_qubits)
    volume = sum(part.made.layout.exchanges.volume for part in parts)
    vectors = {"expval": 1, "vjp": 3, "jacobian": 1 + 2 * len(job.terms)}[job.mode]
    return {
        "state_bytes": state,
        "exchanges": float(sum(len(part.made.layout.exchanges.sizes) for part in parts)),
        "exchanged_bytes": volume * state * vectors,
        "exchanged_states": volume,
        "stages": float(sum(1 + len(part.made.kinds) for part in parts)),
        "shards": float(place.size * place.shards),
    }


def _limits(job: Job, circuit: Circuit, here: Session, counts: dict[str, float]) -> dict[str, float]:
    found = limits.measure(here.devices)
    mode = "expval" if job.mode == "expval" else "vjp"
    work = (limits.passes(circuit.gates), job.spec.layers or int(counts["stages"]), counts["exchanged_states"], mode)
    least = limits.limits(found, counts["state_bytes"], int(counts["shards"]), work=work)
    return {
        "memory_bandwidth": found.memory,
        "link_bandwidth": found.link or 0.0,
        "gate_by_gate_s": least.gate_by_gate,
        "fused_s": least.fused,
        "link_s": least.link,
        "link_binds": float(least.binds == "link"),
    }
