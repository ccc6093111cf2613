"""Kernels that several engines compile on the first run of a machine; those of one engine are in its file.

Seconds are processor time to half a second: runs of 3 spins on 24 sites with an empty cache of numba, less the same
runs with a full one, on two threads of an AMD EPYC (numba 0.68.1). They are rough: on a busy machine the runs took up
to 1.4 times their sums, such as 15 to 18 s with `chebyshev` (13 s) and 13 to 14 s with `low-rank` (10.5 s).
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
