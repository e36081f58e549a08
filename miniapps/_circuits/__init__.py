"""Circuit families shared by the mini-apps, as seeded recipes and neutral gate lists.

Light: this door loads only the standard library. What computes is one import further down:

``spec``
    `CircuitSpec` and `Ensemble`: tiny picklable recipes; gate counts without building anything.
``gates``
    `Circuit`: the neutral gate list, and the unitary of every gate (numpy).
``families``
    `build`: recipe to gate list (numpy).
``qiskit_io``
    Gate list to and from ``QuantumCircuit``; OpenQASM 2, OpenQASM 3 and QPY files (qiskit).
``dense``, ``mps``
    Two small simulators of our own, against which answers are checked (numpy).
"""

from .spec import FAMILIES, CircuitSpec, Ensemble, Family, circuit_seed, gate_count

__all__ = ["FAMILIES", "CircuitSpec", "Ensemble", "Family", "circuit_seed", "gate_count"]
