"""Every small open run ends: each spin of the source with each coupling of the baths in each engine; what baths conserve."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
from scipy.linalg import expm

import pysv
from pysv.model.baths.jumps import layer_baths
from pysv.model.channel import relaxation
from pysv.model.conservation import conserved

pytestmark = pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
TINY = pysv.SpinValve(sites=10, polarizer=(6, 6), analyzer=(8, 8))
ENGINES = {
    "low-rank": pysv.LowRank(),
    "trajectories": pysv.Trajectories(ntraj=20),
    "mesolve": pysv.QuTiP(),
    "mcsolve": pysv.QuTiP(solver="mcsolve", ntraj=20),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("coupling", ["x", "y", "z", "xyz"])
@pytest.mark.parametrize("spin", ["unpolarized", "up", "down", (0.7, 0.3)])
def test_it_ends(spin, coupling, engine):
    experiment = pysv.Experiment(
        device=TINY,
        source=pysv.WavePacket(center=3, momentum_spread=1.5, spin=spin),
        bath=pysv.BosonicBath(coupling=coupling, temperature=100.0),
        times=pysv.times(4, 2),
    )
    data = pysv.solve(experiment, engine=ENGINES[engine], progress=False)
    assert data.attrs["status"] == "complete"
    for name in conserved(experiment):
        assert data.attrs[f"drift_{name}"] < 1e-5
    assert np.isfinite(data.log_negativity).all()


@pytest.mark.parametrize("spins", [pysv.Antiparallel(), pysv.ProductState(polarizer=(0.6, 0.2))])
@pytest.mark.parametrize("tolerance", [1e-4, 1e-2])
def test_truncation_keeps_every_sector(tolerance, spins):
    """Baths on σᶻ conserve the weight of each sector, whatever the rank is cut down to."""
    experiment = pysv.Experiment(
        device=pysv.SpinValve(sites=18, polarizer=(11, 12), analyzer=(15, 15)),
        source=pysv.WavePacket(center=6, momentum_spread=0.6),
        spins=spins,
        bath=pysv.BosonicBath(coupling="z", temperature=300.0),
        times=pysv.times(12, 3),
    )
    data = pysv.solve(experiment, engine=pysv.LowRank(tolerance=tolerance), progress=False)
    assert data.attrs["drift_spin_z_total"] < 1e-9
    assert data.attrs["drift_norm"] < 1e-9
    assert data.attrs["engine_discarded_weight"] > 1e-4


def test_the_lowest_eigenvalue_is_in_the_dataset():
    experiment = pysv.Experiment(
        device=TINY,
        source=pysv.WavePacket(center=3, momentum_spread=1.5),
        bath=pysv.BosonicBath(),
        times=pysv.times(2, 1),
    )
    lowest = [
        pysv.solve(experiment, engine=pysv.QuTiP(rtol=rtol, atol=rtol / 100), progress=False).attrs[
            "engine_lowest_eigenvalue"
        ]
        for rtol in (1e-6, 1e-11)
    ]
    assert lowest[0] < lowest[1] <= 0
    assert lowest[1] > -1e-8


@pytest.mark.parametrize("convention", ["half", "mixed"])
def test_a_hard_cutoff_at_a_transition_keeps_the_rotation_symmetry(convention):
    """Four isotropic spins, and a cutoff at each of their gaps in turn, as rounding gives it in one of the sectors.

    All equal transitions are kept, or none; otherwise the map of the layer would not commute with rotations.
    """
    device = pysv.SpinValve(sites=20, polarizer=(4, 7), analyzer=(12, 12), exchange_z=0.1, convention=convention)
    free = layer_baths(device, pysv.BosonicBath(coupling="xyz"))[0]
    gaps = np.abs(np.subtract.outer(free.spectrum.energies, free.spectrum.energies))
    distinct = [gap for gap in np.unique(gaps.round(9)) if gap > 1e-6]
    tilt = expm(-0.35j * np.array([[0, 1], [1, 0]]))
    turn = reduce(np.kron, [tilt] * 4)
    both = np.kron(turn, turn.conj())
    for gap in distinct:
        alike = gaps[np.abs(gaps - gap) < 1e-8]
        for cutoff in (alike.min(), alike.max()):
            bath = pysv.BosonicBath(coupling="xyz", cutoff=float(cutoff), cutoff_shape="hard", temperature=100.0)
            after = relaxation(layer_baths(device, bath)[0], 30.0)
            np.testing.assert_allclose(both @ after, after @ both, atol=1e-9)
