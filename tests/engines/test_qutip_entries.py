"""What QuTiP's matrices of an open system hold, counted before they are made."""

import dataclasses

import pytest
import scipy.sparse

import pysv
from pysv.engines._qutip_entries import entries
from pysv.engines._qutip_open import MonteCarlo

LAYERS = (pysv.Layer(name="A", sites=(3, 5)), pysv.Layer(name="B", sites=(7, 8), spin=1.0))
EXPERIMENT = pysv.Experiment(
    device=pysv.Device(sites=9, layers=LAYERS),
    source=pysv.WavePacket(center=2, momentum_spread=1.5, allow_truncation=True),
    times=pysv.times(stop=1, step=0.5),
)


@pytest.mark.parametrize("unravelling", ["local", "mixed"])
@pytest.mark.parametrize("shared", ["spin", "layer"])
@pytest.mark.parametrize("coupling", ["x", "z", "xyz"])
def test_elements_are_those_of_the_matrices(coupling, shared, unravelling):
    bath = pysv.BosonicBath(temperature=100, coupling=coupling, shared=shared)
    if (unravelling, shared) == ("mixed", "layer"):
        pytest.skip("mixed jumps are those of one bath for each spin")
    experiment = dataclasses.replace(EXPERIMENT, bath=bath)
    method = pysv.QuTiP(solver="mcsolve", ntraj=2, unravelling=unravelling)
    engine = MonteCarlo(experiment, method)
    jumps = [jump.data_as("csr_matrix") for jump in engine.jumps]
    rows = jumps[0].shape[0]
    pattern = scipy.sparse.csr_matrix((rows, rows))
    for jump in jumps:
        own = abs(jump)
        pattern = pattern + own.T @ own
    found = [sum(jump.nnz for jump in jumps), sum((abs(jump).T @ abs(jump)).nnz for jump in jumps), pattern.nnz]
    counted = entries(experiment, unravelling)
    if (coupling, unravelling) == ("x", "local"):
        assert counted[:2] == pytest.approx([own / rows for own in found[:2]])
    for one, other in zip(counted, found, strict=False):
        assert one >= other / rows * (1 - 1e-9)


def test_the_terms_of_an_mcsolver_are_one_matrix():
    experiment = dataclasses.replace(EXPERIMENT, bath=pysv.BosonicBath(temperature=100))
    engine = MonteCarlo(experiment, pysv.QuTiP(solver="mcsolve", ntraj=2))
    assert engine._solver.rhs.rhs.num_elements == engine._leaving.rhs.rhs.num_elements == 1
