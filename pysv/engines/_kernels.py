"""Kernels that the engines compile on the first run of a machine.

Seconds are processor time: runs of 3 spins on 24 sites with an empty cache of numba, less the same runs with a full
one, on two threads of an AMD EPYC (numba 0.68.1): 13 s with `chebyshev`, 10 s with `low-rank`, 28 s with `tdmrg`.
"""

from __future__ import annotations

from pysv.compute.compiling import Kernels

_NUMBA = "pysv.sectors.numba"
STEPS = Kernels(f"{_NUMBA}.recursion", "recursion", 6.5)
"""Steps of a recursion in H."""
MARGINALS = Kernels(f"{_NUMBA}.sums", "_marginals", 1.5)
"""Densities, and the mean of H."""
BOUNDS = Kernels(f"{_NUMBA}.sums", "_combine", 2.5)
"""What the search for the ends of the spectrum takes."""
COPIES = Kernels(f"{_NUMBA}.sums", "_copy", 2.5)
"""Copies and weights of states, for the light cone."""
PAIRS = Kernels("pysv.pairs.kernels", "step", 2.0)
TENSORS = Kernels("pysv.mps.kernels", "update", 14.0), Kernels("pysv.mps.spaces", "kept", 14.0)
VECTORS = Kernels("pysv.classical.kernels", "rates", 1.0)
