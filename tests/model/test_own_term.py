"""The term of docs/extending.md: one file, and every engine knows of it."""

from __future__ import annotations

from functools import reduce

import brute
import numpy as np
import pytest
from extending import imported
from scipy.linalg import expm
from test_brute_force import brute_device

import pysv
from pysv.cli import main
from pysv.errors import EngineError
from pysv.model import terms

FIELD, NEXT = 0.07, -0.11
LAYERS = {"sites": 7, "polarizer": (2, 4), "analyzer": (6, 7), "exchange": 0.05, "exchange_z": 0.08}


@pytest.fixture
def valve(tmp_path, monkeypatch):
    monkeypatch.setattr(terms, "_registered", {})
    return imported("frustrated", tmp_path, monkeypatch).FrustratedValve


def experiment(device: pysv.SpinValve) -> pysv.Experiment:
    return pysv.Experiment(
        device=device,
        source=pysv.WavePacket(center=3, momentum_spread=1.8, spin="unpolarized"),
        spins=pysv.ProductState(polarizer=(0.6, 0.3), analyzer=(2.2, -1.0)),
        times=pysv.times(stop=3, step=1.5),
        record=pysv.Record(momenta=(0.3,), density_matrix=True),
    )


def by_hand(own: pysv.Experiment, field: float, exchange_next: float) -> list[dict]:
    """Every variable at every snapshot: H with both terms as Kronecker products, exponentiated."""
    device, spins = brute_device(own.device), own.device.n_spins
    scale = brute.SCALES[device.convention][1]

    def sigma_z(*places: int) -> np.ndarray:
        factors = [scale * brute.PAULI["z"] if n in places else np.eye(2) for n in range(spins)]
        return reduce(np.kron, [np.eye(2 * device.sites), *factors])

    h = brute.hamiltonian(device).toarray() - field * sum(sigma_z(n) for n in range(spins))
    h = h - exchange_next * sigma_z(0, 2)  # the only next-nearest neighbours: in the layer of three
    step = expm(-1.5j / brute.HBAR * h)
    packet = brute.packet(device.sites, 3, np.pi / 2, 1.8)
    runs = brute.pure_runs(device, packet, "unpolarized", list(own.spins.directions(own.device)))
    found = []
    for _ in range(3):
        variables = brute.variables(device, runs, [0.3], None)
        found.append(variables | {"energy": sum(w * np.vdot(psi, h @ psi).real for w, psi in runs)})
        runs = [(weight, step @ psi) for weight, psi in runs]
    return found


@pytest.mark.parametrize("convention", ["pauli", "mixed"])
def test_engines_agree_with_each_other_and_with_a_solution_by_hand(valve, convention):
    own = experiment(valve(**LAYERS, field=FIELD, exchange_next=NEXT, convention=convention))
    expected = by_hand(own, FIELD, NEXT)
    plain = pysv.solve(experiment(pysv.SpinValve(**LAYERS, convention=convention)), progress=False)
    methods = {"chebyshev": pysv.Chebyshev(), "rk4": pysv.RK4(time_step=0.002)}
    for name, method in {**methods, "qutip": pysv.QuTiP(method="vern9", atol=1e-13, rtol=1e-13)}.items():
        data = pysv.solve(own, engine=method, progress=False)
        for k, variables in enumerate(expected):
            for variable, value in variables.items():
                found = data[variable][k].values
                np.testing.assert_allclose(found, value, atol=1e-9, rtol=0, err_msg=f"{variable}, {name}")
        assert abs(data.spin_x - plain.spin_x).max() > 0.1  # the terms do something


def test_tdmrg_holds_what_joins_neighbours(valve):
    times, source = pysv.times(stop=2, step=1), pysv.WavePacket(center=3, momentum_spread=1.8, spin="down")
    own = pysv.Experiment(device=valve(**LAYERS, field=FIELD), source=source, times=times)
    reference = pysv.solve(own, progress=False)
    data = pysv.solve(own, engine=pysv.TDMRG(time_step=0.05, trotter_order=4, discarded_weight=0.0), progress=False)
    for name in ("spin_z", "electron_density", "log_negativity", "energy"):
        np.testing.assert_allclose(data[name], reference[name], atol=1e-5, err_msg=name)
    far = pysv.Experiment(device=valve(**LAYERS, exchange_next=NEXT), source=source, times=times)
    with pytest.raises(EngineError, match=r"σz\(1\) σz\(3\) of 0.11 eV, which joins sites 2 and 4, .* use engine 'qut"):
        pysv.solve(far, engine="tdmrg", progress=False)


def test_two_electrons(valve):
    device = valve(sites=6, polarizer=(3, 4), analyzer=(5, 6), field=FIELD)
    own = pysv.Experiment(
        device=device, source=pysv.ConfinedElectrons(confined_sites=2, well=60.0), times=pysv.times(stop=2, step=1)
    )
    exact = pysv.solve(own, engine="fock", progress=False)
    careful = pysv.TDMRG(time_step=0.05, trotter_order=4, discarded_weight=0.0)
    data = pysv.solve(own, engine=careful, progress=False)
    for name in ("spin_z", "electron_density", "log_negativity", "energy"):
        np.testing.assert_allclose(data[name], exact[name], atol=2e-5, err_msg=name)


def test_layers_have_it_too(valve):
    """Thermal: the weights are those of the layers with the field, and nothing is conserved the less."""
    device = valve(**LAYERS, field=FIELD, exchange_next=NEXT)
    thermal = pysv.Experiment(
        device=device, source=pysv.WavePacket(center=3, momentum_spread=1.8), spins=pysv.Gibbs(temperature=500),
        times=pysv.times(stop=1, step=1),
    )  # fmt: skip
    found = pysv.solve(thermal, progress=False).spin_z[0].values
    n = device.n_spins
    z = [brute._local(brute.PAULI["z"], k, n) for k in range(n)]
    h = -FIELD * sum(z) - NEXT * z[0] @ z[2]
    for i, j in ((0, 1), (1, 2), (3, 4)):
        for axis, coupling in (("x", 0.05), ("y", 0.05), ("z", 0.08)):
            h = h - coupling * brute._local(brute.PAULI[axis], i, n) @ brute._local(brute.PAULI[axis], j, n)
    rho = expm(-h / (8.617333262e-5 * 500))
    expected = [np.trace(own @ rho).real / np.trace(rho).real for own in z]
    np.testing.assert_allclose(found, expected, atol=5e-6)


def test_a_file_of_it_is_read(valve, tmp_path, capsys):
    own = experiment(valve(**LAYERS, field=FIELD))
    pysv.solve(own, out=tmp_path / "run.nc", progress=False)
    assert "field = 0.07" in pysv.load(tmp_path / "run.nc").attrs["experiment"]
    with pytest.raises(pysv.errors.PysvError, match="unknown key 'field'"):
        pysv.resume(tmp_path / "run.nc", stop=6, progress=False)
    assert main(["info", str(tmp_path / "run.nc")]) == 0
