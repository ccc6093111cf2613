"""The physical ranges of all numbers of an experiment: one table.

Each entry holds the bounds and the unit of one quantity, for `checked`. The ranges are wide: they hold every number
that makes sense for electrons in a solid, and keep every formula finite. docs/keys.md shows them key by key. A range
that belongs to the method of one engine, such as that of a tolerance, stands beside the option.
"""

from __future__ import annotations

from typing import Any

Bounds = dict[str, Any]

LARGEST_ENERGY = 1e6
LONGEST_CHAIN = 1_000_000

# Geometry
SITES: Bounds = {"low": 2, "high": LONGEST_CHAIN}
SITE: Bounds = {"low": 1.0, "high": float(LONGEST_CHAIN), "unit": "site"}
WELL_SITES: Bounds = {"low": 1, "high": LONGEST_CHAIN}
LEVEL: Bounds = {"low": 0, "high": LONGEST_CHAIN - 1}
ELECTRONS: Bounds = {"low": 1, "high": 10_000}

# Energies
ENERGY: Bounds = {"low": -LARGEST_ENERGY, "high": LARGEST_ENERGY, "unit": "eV"}
HOPPING: Bounds = {"low": 1e-15, "high": LARGEST_ENERGY, "unit": "eV"}
WIDTH: Bounds = {"low": 0.0, "high": LARGEST_ENERGY, "unit": "eV"}
CUTOFF: Bounds = {"low": 1e-5, "high": 1e3, "unit": "eV"}
COUPLING: Bounds = {"low": 0.0, "high": 1e3}
TEMPERATURE: Bounds = {"low": 1e-3, "high": 1e6, "unit": "K"}

# Times and waves
TIME: Bounds = {"low": 0.0, "high": 1e12, "unit": "fs"}
DURATION: Bounds = {"low": 1e-6, "high": 1e12, "unit": "fs"}
RATE: Bounds = {"low": 0.0, "high": 1e3, "unit": "1/fs"}
TIME_STEP: Bounds = {"low": 1e-6, "high": 1e6, "unit": "fs"}
MOMENTUM: Bounds = {"low": -1e6, "high": 1e6, "unit": "rad per site"}
SPREAD: Bounds = {"low": 1e-9, "high": 1e6, "unit": "rad per site"}
PHASE: Bounds = {"low": -1e6, "high": 1e6, "unit": "rad"}

# Spins
POLARIZATION: Bounds = {"low": -1.0, "high": 1.0}
SPIN_Z: Bounds = {"low": -150.0, "high": 150.0}
SMALLEST_AMPLITUDE = 1e-100
AMPLITUDE: Bounds = {"low": -1e100, "high": 1e100}

# Counts
SEED: Bounds = {"low": 0, "high": 2**63 - 1}
SNAPSHOTS: Bounds = {"low": 0, "high": 10**9, "unit": "snapshots, 0 for never"}
