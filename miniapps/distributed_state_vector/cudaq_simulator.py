"""Simulator ``cudaq``: NVIDIA's CUDA-Q; values only. Worker side.

On GPUs the state is spread over all ranks by the target ``nvidia`` with ``mgpu``: the wheels ship that library, and the
MPI plug-in it needs is compiled on site (CUDA-Q's documentation, "Distributed Computing with MPI"). On CPUs one process
holds the state, in complex128.
"""

from __future__ import annotations

import time
from functools import reduce
from math import pi
from operator import add, mul
from typing import Any, Final

import cudaq
import numpy as np
from cudaq import spin

from .._circuits.gates import Circuit, Gate
from .kernels import Job, Missing, Share
from .session import Place

_SAME: Final = ("h", "x", "y", "z", "s", "t", "sdg", "tdg", "rx", "ry", "rz", "swap", "crx", "cry", "crz")
_NAMES: Final = {name: name for name in (*_SAME, "cx", "cy", "cz", "cswap")} | {"u": "u3", "p": "r1", "cp": "cr1"}
"""Gates that the builder has, up to a global phase, with parameters first and qubits in our order."""
_TURNS: Final[dict[str, tuple[str, float]]] = {"rxx": ("ry", -pi / 2), "ryy": ("rx", pi / 2), "rzz": ("", 0.0)}
"""What turns X or Y of both qubits to Z, before the rotation about ZZ."""


def compute(job: Job, circuit: Circuit, place: Place) -> Share:
    """Compute values; see `kernels.Share`.

    Raises
    ------
    Missing
        If there is no GPU, or no MPI for several ranks.
    """
    _choose_target(job, place)
    start = time.perf_counter()
    kernel = kernel_of(circuit)
    operators = {place: _operator(term.support) for place, term in enumerate(job.terms) if term.support}
    phases = {"build": time.perf_counter() - start}
    seconds: list[float] = []
    values = np.ones(len(job.terms))  # of the identity, which CUDA-Q leaves out of its results
    for _ in range(job.evaluations):
        began = time.perf_counter()
        observed = cudaq.observe(kernel, reduce(add, operators.values(), spin.i(0)))
        for index, operator in operators.items():
            values[index] = observed.expectation(operator)
        seconds.append(time.perf_counter() - began)
    return Share(values, None, seconds, phases)


def _choose_target(job: Job, place: Place) -> None:
    if not job.gpu:
        cudaq.set_target("qpp-cpu")
        return
    if not cudaq.num_available_gpus():
        raise Missing("gpu = true: CUDA-Q sees no GPU here")
    precision = "fp64" if job.double else "fp32"
    if place.size == 1:
        cudaq.set_target("nvidia", option=precision)
        return
    try:
        if not cudaq.mpi.is_initialized():
            cudaq.mpi.initialize()
    except RuntimeError as error:
        raise Missing(
            f"ranks = {place.size}: CUDA-Q has no MPI plug-in here ({str(error).splitlines()[0]}); compile it as its "
            "documentation says under 'Distributed Computing with MPI', and use engine 'mpi'"
        ) from error
    if cudaq.mpi.num_ranks() != place.size:
        raise Missing(f"ranks = {place.size}: CUDA-Q's MPI counts {cudaq.mpi.num_ranks()}; use engine 'mpi'")
    cudaq.set_target("nvidia", option=f"mgpu,{precision}")


def kernel_of(circuit: Circuit) -> Any:
    """Return the circuit as a kernel of CUDA-Q, without parameters."""
    kernel = cudaq.make_kernel()
    qubits = kernel.qalloc(circuit.n_qubits)
    for name, where, params in (plain for gate in circuit.gates for plain in _plain(gate)):
        at = [qubits[index] for index in where]
        if name == "ccx":
            kernel.cx(at[:2], at[2])
        else:
            getattr(kernel, _NAMES[name])(*params, *at)
    return kernel


def _plain(gate: Gate) -> list[Gate]:
    """Return a gate as gates that the builder has, up to a global phase."""
    name, where, params = gate
    if name == "id":
        return []
    if name in ("sx", "sxdg"):
        return [("rx", where, (pi / 2 if name == "sx" else -pi / 2,))]
    if name not in _TURNS:
        return [gate]
    first, second = where
    core: list[Gate] = [("cx", where, ()), ("rz", (second,), params), ("cx", where, ())]
    turn, angle = _TURNS[name]
    if not turn:
        return core
    before: list[Gate] = [(turn, (qubit,), (angle,)) for qubit in (first, second)]
    after: list[Gate] = [(turn, (qubit,), (-angle,)) for qubit in (first, second)]
    return [*before, *core, *after]


def _operator(support: dict[int, str]) -> Any:
    letters = {"X": spin.x, "Y": spin.y, "Z": spin.z}
    return reduce(mul, (letters[letter](qubit) for qubit, letter in support.items()), spin.i(0))
