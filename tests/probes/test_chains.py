"""Correlators of matrix-product states against the engines of one electron and of two."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pysv
from pysv.errors import BondLimitError

ALL = {"operators": ("z", "plus", "minus"), "momenta": (0.7,), "progress": False}
DEVICE = pysv.SpinValve(sites=7, polarizer=(3, 4), analyzer=(6, 6))


def chain(**options):
    return pysv.TDMRG(**{"trotter_order": 4, "time_step": 0.05, "discarded_weight": 1e-14, "min_bond": 1} | options)


@pytest.mark.parametrize(
    "spins", [pysv.Antiparallel(), pysv.ProductState(polarizer=(0.4, 0.3), analyzer=(2.1, -1.0))], ids=["z", "tilted"]
)
def test_one_electron(spins):
    source = pysv.WavePacket(center=2, momentum_spread=2.0, spin="up", allow_truncation=True)
    experiment = pysv.Experiment(device=DEVICE, source=source, spins=spins, times=pysv.times(1.0, 0.5))
    found = pysv.correlator(experiment, engine=chain(), **ALL)
    expected = pysv.correlator(experiment, engine="chebyshev", **ALL)
    np.testing.assert_allclose(found.operator_correlation, expected.operator_correlation, atol=1e-6)
    np.testing.assert_allclose(found.operator_mean, expected.operator_mean, atol=1e-6)
    equal = np.einsum("aaij->aij", found.operator_correlation.values)
    at_once = np.einsum("aaij->aij", expected.operator_correlation.values)
    np.testing.assert_allclose(equal[0], at_once[0], atol=1e-12)


def test_two_electrons():
    source = pysv.ConfinedElectrons(electrons=2, confined_sites=2, well=30.0, allow_leak=True)
    experiment = pysv.Experiment(device=DEVICE, source=source, times=pysv.times(1.0, 0.5))
    found = pysv.correlator(experiment, engine=chain(), **ALL)
    expected = pysv.correlator(experiment, engine="fock", **ALL)
    np.testing.assert_allclose(found.operator_correlation, expected.operator_correlation, atol=1e-5)


def test_a_companion_that_does_not_fit():
    source = pysv.WavePacket(center=2, momentum_spread=2.0, spin="up", allow_truncation=True)
    spins = pysv.ProductState(polarizer=(0.4, 0.3), analyzer=(2.1, -1.0))
    experiment = pysv.Experiment(device=DEVICE, source=source, spins=spins, times=pysv.times(1.0, 0.5))
    small = {"min_bond": 1, "max_bond": 2, "discarded_weight": 1e-9}
    found = pysv.correlator(experiment, engine=chain(**small), momenta=(math.pi / 2,), progress=False)
    assert found.attrs["companions_discarded_weight"] > 1e-9
    assert "forced the companion at t =" in found.attrs["warnings"]
    with pytest.raises(BondLimitError, match="raise max_bond, or set bond_limit = 'warn'"):
        pysv.correlator(experiment, engine=chain(bond_limit="stop", **small), momenta=(math.pi / 2,), progress=False)
