"""Sample-based quantum diagonalisation: one circuit, then much classical work. Driver side.

A unitary cluster Jastrow circuit (UCJ) with the amplitudes of coupled clusters is sampled once; noise flips bits.
qiskit-addon-sqd recovers configurations with the right number of electrons from the orbitals' mean occupancies,
and spans subspaces with some of them; each subspace is diagonalised as a task, and all of an iteration are waited for,
since the best one gives the next occupancies (Robledo-Moreno et al., Science Advances 11, eadu9991, 2025).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np

from .._app import Features, Measurement, Metric
from .._variational.integrals import integrals, size
from .._variational.problem import SUBSPACES
from .kernels import diagonalise, samples

if TYPE_CHECKING:
    from pilot_quantum import Runtime

    from .params import VqaSequential

_RECOVERY: Final = 53
"""Stream of random numbers."""
_SETTLED: Final = 1e-4
"""Change of an occupancy from which on it counts as settled."""


@final
@dataclass(slots=True)
class Solver:
    """Diagonalises the subspaces of an iteration as tasks, and takes down what they gave.

    Attributes
    ----------
    runtime, core
        Where tasks go; energy of what is not active, in hartree.
    energies
        Of every subspace of every iteration, in hartree.
    dimensions, spent_s
        Size of every subspace, and seconds that its diagonalisation took.
    """

    runtime: Runtime
    core: float
    energies: list[list[float]] = field(default_factory=list)
    dimensions: list[int] = field(default_factory=list)
    spent_s: list[float] = field(default_factory=list)

    def __call__(self, subspaces: list[Any], one: Any, two: Any, *rest: Any) -> list[Any]:
        """Return the results in the order of the subspaces: what qiskit-addon-sqd calls a solver.

        ``rest`` are the number of orbitals, and of electrons with spin up and down.
        """
        _, electrons = rest
        found = self.runtime.gather(
            [self.runtime.submit(diagonalise, strings, one, two, electrons) for strings in subspaces]
        )
        self.energies.append([float(result.energy) + self.core for result, _ in found])
        self.dimensions.extend(len(ups) * len(downs) for ups, downs in subspaces)
        self.spent_s.extend(seconds for _, seconds in found)
        return [result for result, _ in found]


def run(params: VqaSequential, runtime: Runtime) -> Measurement:
    """Sample, recover and diagonalise until the energy has settled.

    Stages: ``prepare`` (integrals), ``sample`` and ``search``.
    """
    start_s = time.perf_counter()
    with runtime.stage("prepare"):
        solver = Solver(runtime, integrals(params.problem).core)
    with runtime.stage("sample"):
        asked = params.problem, params.shots, params.noise, params.seed
        bits, sampling_s = runtime.gather([runtime.submit(samples, *asked)])[0]
    search_s = time.perf_counter()
    with runtime.stage("search"):
        value = _search(params, bits, solver)
    end_s = time.perf_counter()
    metrics = _metrics(params, value, solver, end_s - search_s)
    metrics["valid_share"] = Metric(_valid(bits, integrals(params.problem).pairs), "1", "higher")
    metrics["sampling_s"] = Metric(sampling_s, "s", "lower")
    metrics["time_to_value_s"] = Metric(end_s - start_s, "s", "lower")
    digest = sha256(np.array([energy for row in solver.energies for energy in row], dtype="<f8").tobytes())
    return Measurement(value, metrics, digest.hexdigest())


def _search(params: VqaSequential, bits: Any, solver: Solver) -> float:
    """Return the lowest energy of all subspaces, in hartree."""
    from qiskit_addon_sqd.fermion import diagonalize_fermionic_hamiltonian

    known = integrals(params.problem)
    best = diagonalize_fermionic_hamiltonian(
        known.one,
        known.two,
        bits,
        params.samples,
        known.orbitals,
        (known.pairs, known.pairs),
        num_batches=params.subspaces,
        energy_tol=params.precision,
        occupancies_tol=_SETTLED,
        max_iterations=params.rounds,
        symmetrize_spin=True,
        sci_solver=solver,
        seed=np.random.default_rng((params.seed, _RECOVERY)),
    )
    return float(best.energy) + known.core


def _valid(bits: Any, pairs: int) -> float:
    """Return the share of samples that have the right number of electrons of each spin."""
    half = bits.shape[1] // 2
    right = (bits[:, :half].sum(axis=1) == pairs) & (bits[:, half:].sum(axis=1) == pairs)
    return float(right.mean())


def _metrics(params: VqaSequential, value: float, solver: Solver, search_s: float) -> dict[str, Metric]:
    exact, spent_s = SUBSPACES[params.problem].exact, solver.spent_s
    return {
        "value": Metric(value, "hartree"),
        "error": Metric(value - exact, "hartree", "lower"),
        "first_error": Metric(min(solver.energies[0]) - exact, "hartree"),
        "iterations": Metric(len(solver.energies), "iterations", "lower"),
        "diagonalisations": Metric(len(spent_s), "diagonalisations"),
        "diagonalisation_rate": Metric(len(spent_s) / search_s, "diagonalisations/s", "higher"),
        "diagonalisation_s_sum": Metric(sum(spent_s), "s", "lower"),
        "parallelism": Metric(sum(spent_s) / search_s, "1", "higher"),
        "dimension_max": Metric(max(solver.dimensions), "configurations"),
        "space": Metric(size(params.problem), "configurations"),
        "tasks": Metric(1 + len(spent_s), "tasks"),
    }


def estimate(params: VqaSequential) -> Features:
    """Count what the case costs at most."""
    iterations = params.rounds
    dimension = min(size(params.problem), 4 * params.samples**2)
    return Features(
        tasks=1 + iterations * params.subspaces,
        memory_per_task=2**28 + 16 * 8 * dimension,
        shots=params.shots,
        extra={"iterations": iterations, "dimension": dimension, "n_qubits": SUBSPACES[params.problem].n_qubits},
    )
