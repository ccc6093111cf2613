"""The rough law for the growth of bonds: what it must hold at any rate."""

from __future__ import annotations

import numpy as np
import pytest

import pysv
from pysv.mps.growth import bond_dimensions
from pysv.units import HBAR

SITES, CONFINED, FIRST = 112, 10, 51
"""The default device of several electrons: its sites, those of the well, and the first spin."""


def growth(electrons, stop, most=400, min_bond=100):
    """Dimensions of the bonds after the sites 1, 2, …, until `stop` ħ/γ."""
    experiment = pysv.Experiment(
        device=pysv.SpinValve.for_several_electrons(),
        source=pysv.ConfinedElectrons(electrons=electrons),
        times=pysv.times(stop=stop * HBAR, step=stop * HBAR),
    )
    return bond_dimensions(experiment, min_bond, np.full(SITES - 1, float(most)))


@pytest.mark.parametrize("electrons", [2, 4, 8])
@pytest.mark.parametrize("most", [64, 400])
def test_bonds_grow_from_one_state_to_the_largest_number(electrons, most):
    found = growth(electrons, 400, most, min(most, 100))
    assert (np.diff(found, axis=0) >= 0).all()
    assert found.min() == 1
    assert found.max() == most
    assert found[0, -1] == 1  # the electrons are not there yet
    assert (found[-1] > 1).all()


def test_electrons_that_have_not_reached_the_spins_are_free():
    """Until (51 − 10)/2 ħ/γ a bond behind them has 4 states for two electrons: which of the two are left of it."""
    found = growth(2, (FIRST - CONFINED) / 2)
    reached = CONFINED + (FIRST - CONFINED) * (np.arange(len(found)) + 0.5)[:, None] / len(found)
    bonds = np.arange(1, SITES)[None, :]
    np.testing.assert_array_equal(found, np.where(bonds <= reached, 4.0, 1.0))


def test_only_needed_states_exceed_the_smallest_bond():
    """Two electrons need few; eight soon need all that they may have."""
    assert growth(2, 60).max() == 100
    assert growth(2, 60, min_bond=30).max() < 100
    assert growth(8, 40).max() == 400


def test_more_electrons_and_larger_bonds_cost_more_time():
    def seconds(electrons, most):
        experiment = pysv.Experiment(
            device=pysv.SpinValve.for_several_electrons(),
            source=pysv.ConfinedElectrons(electrons=electrons),
            times=pysv.times(stop=60, step=2),
        )
        return pysv.TDMRG(max_bond=most, min_bond=min(most, 100)).cost(experiment).seconds

    table = np.array([[seconds(electrons, most) for most in (64, 100, 200, 400, 800)] for electrons in (2, 4, 8)])
    assert (np.diff(table, axis=0) > 0).all()
    assert (np.diff(table, axis=1) >= 0).all()
    assert table[2, 4] > 20 * table[2, 1]  # full bonds: products of matrices of these dimensions
    np.testing.assert_allclose(table[0, 2:], table[0, 2], rtol=0.05)  # two electrons do not need more
