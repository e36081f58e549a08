"""Variational problems shared by the mini-apps C.2 to C.5: what is minimised, by which circuit, along which gradient.

Light: this door loads only the standard library. What computes is one import further down:

``problem``
    `Problem`: a tiny picklable recipe, and the known answers.
``molecule``, ``graph``
    Hamiltonians of molecules from files in ``data/``; graphs, cuts and their classical relaxation (numpy, scipy).
``gates``, ``ansatz``
    The circuits, many at a time, in the subspace that their gates cannot leave (numpy).
``oracle``
    Values and gradients: adjoint, or by the parameter-shift rule in portions (numpy).
``optimise``
    Optimisers of scipy and optax behind one function (driver side).
"""

from .problem import GRAPHS, MOLECULES, Molecule, Problem

__all__ = ["GRAPHS", "MOLECULES", "Molecule", "Problem"]
