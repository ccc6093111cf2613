"""Trains of electrons: against single wave packets, against dense matrices, and in limits that are known."""

from __future__ import annotations

import dataclasses
import math

import brute_general as brute
import numpy as np
import pytest
from scipy.linalg import expm
from test_any_device import chain_of

import pysv
from pysv import figures
from pysv.engines import methods
from pysv.engines.train import _on_leads
from pysv.errors import EngineError, InvalidInputError
from pysv.model import spin_map
from pysv.model.baths.jumps import layer_baths
from pysv.model.channel import relaxation
from pysv.model.initial import electron_states, packet
from pysv.sectors.pulse import pulse, transit_time

TWO = pysv.SpinValve(sites=40, polarizer=(22, 23), analyzer=(26, 27))
PAIR = pysv.SpinValve(sites=40, polarizer=(22, 22), analyzer=(26, 26))
PACKET = {"center": 9, "momentum_spread": 0.8}
SPINS = ("spin_x", "spin_y", "spin_z", "log_negativity", "entropy_total", "entropy_polarizer", "qfi")
ELECTRON = ("electron_spin_x", "electron_spin_y", "electron_spin_z")


def train(pulses=1, interval=60.0, device=TWO, spin="unpolarized", times=None, packet=PACKET, **others):
    source = pysv.Train(**packet, pulses=pulses, interval=interval, spin=spin)
    return pysv.Experiment(device=device, source=source, times=times, **others)


def single(stop, device=TWO, spin="unpolarized", **others):
    """One electron on leads without echoes."""
    source, times = pysv.WavePacket(**PACKET, spin=spin), pysv.times(stop, stop)
    return pysv.Experiment(device=device, source=source, times=times, **others).echo_free()


def solve(experiment, **options):
    return pysv.solve(experiment, progress=False, **options)


@pytest.mark.parametrize("spin", ["unpolarized", "down", (0.9, 0.4)])
@pytest.mark.parametrize("spins", [pysv.Antiparallel(), pysv.ProductState(polarizer=(0.7, 0.2)), pysv.Gibbs()])
def test_one_pulse_is_a_wave_packet(spin, spins):
    """Without an early end of the flight there is no approximation at all."""
    found = solve(train(spin=spin, spins=spins), engine=pysv.TrainMap(residual=1e-30))
    one = solve(single(60.0, spin=spin, spins=spins))
    assert found.attrs["engine_transit"] == 60.0
    for name in (*SPINS, *ELECTRON):
        np.testing.assert_allclose(found[name][1], one[name][1], atol=1e-11, err_msg=name)


def test_an_electron_that_has_left_does_nothing_more():
    """With a flight that ends before the interval, the error is of the order of what is left among the spins."""
    device, packet = pysv.SpinValve.with_layers(2, 2, first=41), {"center": 20, "momentum_spread": 0.25}
    wave, times = pysv.WavePacket(**packet, spin="down"), pysv.times(100.0, 100.0)
    one = solve(pysv.Experiment(device=device, source=wave, times=times).echo_free())
    for residual in (1e-3, 1e-5):
        source = train(1, 100.0, device, "down", packet=packet)
        found = solve(source, engine=pysv.TrainMap(residual=residual))
        assert found.attrs["engine_transit"] < 100.0
        off = max(float(np.abs(found[name][1] - one[name][1]).max()) for name in ("spin_z", "log_negativity"))
        assert off < 20 * found.attrs["engine_left_behind"]
        assert found.attrs["engine_left_behind"] < 100 * residual


@pytest.mark.parametrize("convention", ["pauli", "half"])
def test_pulses_against_dense_matrices(convention):
    """Three electrons, each on a new chain, in the full product space: a spin 1 and a spin 1/2, an anisotropy, a field."""
    device = pysv.Device(
        sites=26,
        layers=[
            pysv.Layer(name="a", sites=(11, 11), spin=1.0, sd_exchange=0.7, anisotropy=0.1, field=0.05),
            pysv.Layer(name="b", sites=(14, 14), sd_exchange=-0.4, field=-0.1),
        ],
        potential=[pysv.Potential(sites=(12, 13), energy=0.3)],
        convention=convention,
    )
    interval = 12.0
    starts = pysv.ProductState(layers={"a": (0.4, 0.3), "b": (2.0, 1.0)})
    source = {"center": 6, "momentum_spread": 1.0}
    experiment = train(3, interval, device, "unpolarized", spins=starts, packet=source)
    experiment = dataclasses.replace(experiment, record=pysv.Record(density_matrix=True))
    found = solve(experiment, engine=pysv.TrainMap(residual=1e-30))
    long = _on_leads(experiment, experiment.source, interval)
    chain = chain_of(long.device)
    orbital = brute.packet(chain.sites, long.source.center, long.source.momentum, long.source.momentum_spread)
    u = expm(-1j * brute.hamiltonian(chain).toarray() * interval / brute.HBAR)
    coming = np.kron(np.outer(orbital, orbital.conj()), np.eye(2) / 2)
    local = [brute.coherent(1.0, 0.4, 0.3), brute.coherent(0.5, 2.0, 1.0)]
    psi = np.kron(*local)
    rho = np.outer(psi, psi.conj())
    for number in range(4):
        np.testing.assert_allclose(found.density_matrix[number], rho, atol=2e-10)
        whole = u @ np.kron(coming, rho) @ u.conj().T
        size = 2 * chain.sites
        whole = whole.reshape(size, 6, size, 6)
        if number < 3:
            spin = np.einsum("xsixti->st", whole.reshape(chain.sites, 2, 6, chain.sites, 2, 6))
            expected = [2 * spin[0, 1].real, -2 * spin[0, 1].imag, (spin[0, 0] - spin[1, 1]).real]
            np.testing.assert_allclose([found[name][number + 1] for name in ELECTRON], expected, atol=2e-10)
            passed = np.einsum("xsixsi->x", whole.reshape(chain.sites, 2, 6, chain.sites, 2, 6)).real
            behind = passed[max(long.device.spin_sites) :].sum()
            np.testing.assert_allclose(found.electron_transmission[number + 1], behind, atol=2e-10)
        rho = np.einsum("xixj->ij", whole)


def test_the_map_keeps_the_trace():
    """Σ K†K = 1."""
    own = train(device=PAIR, spin=(0.8, 0.1))
    experiment = _on_leads(own, own.source, 30.0)
    incoming = [(weight, spinor) for _, weight, spinor in electron_states(experiment.source)]
    one = pulse(experiment.device, packet(experiment), incoming, 30.0, 1e-13)
    assert one.trace_error < 1e-12
    total: spin_map.Blocks = {}
    for kraus in one.sets:
        for key, matrix in kraus.effect().items():
            spin_map.add(total, key, matrix)
    for (ket, bra), matrix in total.items():
        np.testing.assert_allclose(matrix, np.eye(*matrix.shape) if ket == bra else 0 * matrix, atol=1e-12)


PAIR_AND_MORE = {"sites": 120, "layers": [pysv.Layer(name="a", sites=(44, 44)), pysv.Layer(name="b", sites=(48, 48))]}
SENT_BACK = {
    "a barrier beyond the spins": {"potential": [pysv.Potential(sites=(90, 100), energy=3.0)]},
    "a barrier before the packet": {"potential": [pysv.Potential(sites=(6, 10), energy=3.0)]},
    "a step": {"potential": [pysv.Potential(sites=(100, 120), energy=3.0)]},
    "a cut bond": {"hopping": [0.0 if bond == 90 else 1.0 for bond in range(1, 120)]},
}


@pytest.mark.parametrize("change", SENT_BACK.values(), ids=SENT_BACK)
def test_an_electron_that_is_sent_back_comes_again(change):
    """The flight ends when the electron has left all that could send it back to the spins."""
    device = pysv.Device(**PAIR_AND_MORE, **change)
    packet = {"center": 24, "momentum_spread": 0.4}
    plain = solve(train(1, 150.0, pysv.Device(**PAIR_AND_MORE), "up", packet=packet))
    found = solve(train(1, 150.0, device, "up", packet=packet), engine=pysv.TrainMap(residual=1e-7))
    wave, times = pysv.WavePacket(**packet, spin="up"), pysv.times(150.0, 150.0)
    one = solve(pysv.Experiment(device=device, source=wave, times=times).echo_free())
    np.testing.assert_allclose(found.spin_z[1], one.spin_z[1], atol=1e-4)
    assert float(np.abs(found.spin_z[1] - plain.spin_z[1]).max()) > 0.01


def test_a_period_of_the_chain_sends_nothing_back():
    dimers = pysv.Device(**PAIR_AND_MORE, hopping=[1.0, 0.7])
    assert dimers.irregular == (44, 48)
    assert pysv.Device(**PAIR_AND_MORE, potential=[pysv.Potential(energy=0.4)]).irregular == (44, 48)
    assert pysv.Device(**PAIR_AND_MORE, **SENT_BACK["a step"]).irregular == (44, 100)


def test_packets_from_the_right():
    """The mirror image of the device and of the packet."""
    to_the_end = pysv.TrainMap(residual=1e-30)
    left = solve(train(2, device=PAIR, spin="down"), engine=to_the_end)
    mirrored = pysv.SpinValve(sites=40, polarizer=(15, 15), analyzer=(19, 19))
    packet = {"center": 32, "momentum_spread": 0.8, "momentum": -math.pi / 2}
    start = pysv.ProductState(polarizer=(math.pi, 0), analyzer=(0, 0))
    right = solve(train(2, device=mirrored, spin="down", packet=packet, spins=start), engine=to_the_end)
    np.testing.assert_allclose(right.electron_transmission, left.electron_transmission, atol=1e-12)
    np.testing.assert_allclose(right.spin_z, left.spin_z[:, ::-1], atol=1e-12)


@pytest.mark.parametrize("spins", [pysv.Antiparallel(), pysv.ProductState(polarizer=(0.7, 0.2))])
def test_the_change_of_state_is_a_trace_norm(spins):
    experiment = train(3, spin=(0.4, 0.1), spins=spins, record=pysv.Record(density_matrix=True))
    found = solve(experiment)
    for n in range(1, 4):
        apart = found.density_matrix.values[n] - found.density_matrix.values[n - 1]
        np.testing.assert_allclose(found.change_of_state[n], np.abs(np.linalg.eigvalsh(apart)).sum(), atol=1e-12)


def test_sweeps_over_pulses_and_intervals():
    """Times that nobody asked for follow the source."""
    swept = pysv.sweep(train(1, device=PAIR, spin="up"), {"source.pulses": [1, 3]}, progress=False)
    assert [point.data.time.size for point in swept.points] == [2, 4]
    swept = pysv.sweep(train(1, device=PAIR, spin="up"), {"source.interval": [40.0, 60.0]}, progress=False)
    assert [float(point.data.time[-1]) for point in swept.points] == [40.0, 60.0]
    short = solve(train(5, device=PAIR, times=pysv.times(120.0, 60.0)))
    assert "the run ends after 2 of 5 pulses" in short.attrs["warnings"]


def test_spins_that_no_electron_feels_stay():
    """Without sd exchange the electrons pass, and the layers evolve by themselves."""
    device = dataclasses.replace(TWO, sd_exchange=0.0)
    found = solve(train(3, device=device, spin="up", spins=pysv.ProductState(polarizer=((0.3, 0.0), (1.2, 0.5)))))
    np.testing.assert_allclose(found.electron_spin_z[1:], 1.0, atol=1e-12)
    np.testing.assert_allclose(found.electron_transmission[1:], 1.0, atol=1e-3)
    np.testing.assert_allclose(found.log_negativity, 0.0, atol=1e-9)
    np.testing.assert_allclose(found.energy, found.energy[0], atol=1e-12)
    assert float(np.abs(found.spin_x[1] - found.spin_x[0]).max()) > 0.01


def test_polarised_electrons_align_the_spins():
    """All spins along the electrons' own spin is the fixed point, with nothing left to exchange."""
    found = solve(train(60, device=PAIR, spin="up"))
    np.testing.assert_allclose(found.spin_z[-1], 1.0, atol=1e-4)
    np.testing.assert_allclose(found.electron_spin_z[-1], 1.0, atol=1e-4)
    assert found.log_negativity.max() > 0.01
    assert found.log_negativity[-1] < 1e-3
    assert found.change_of_state[-1] < 1e-3


def test_a_dark_singlet_keeps_the_spins_entangled():
    """Two spins at a distance d with k d = π, narrow packet, electrons up.

    A monochromatic electron feels the sum of both spins only. The singlet half of ↑↓ is dark, the triplet half ends in
    ↑↑; of ½|s⟩⟨s| + ½|↑↑⟩⟨↑↑| the negativity is ln(1 + (√2 − 1)/2) = 0.1882. A packet of a finite width leaks out of
    the singlet, the slower the narrower it is.
    """
    limit = math.log(1 + (math.sqrt(2) - 1) / 2)
    reached = []
    for width in (0.2, 0.1, 0.05):
        first = round(7 / width) + 30
        device = pysv.SpinValve(sites=first + 60, polarizer=(first, first), analyzer=(first + 2, first + 2))
        source = {"center": round(6 / width), "momentum_spread": width}
        found = solve(train(40, 300.0, device, "up", packet=source))
        reached.append(float(found.log_negativity.max()))
    assert reached == sorted(reached)
    assert all(value < limit for value in reached)
    gaps = limit - np.array(reached)
    assert gaps[-1] < 0.01
    assert gaps[0] / gaps[1] > 1.5
    assert gaps[1] / gaps[2] > 1.5


def test_after_the_last_pulse_the_spins_are_alone():
    device, packet = pysv.SpinValve.with_layers(2, 2, first=41), {"center": 20, "momentum_spread": 0.25}
    source, times = pysv.WavePacket(**packet, spin="down"), pysv.times(180.0, 180.0)
    one = solve(pysv.Experiment(device=device, source=source, times=times).echo_free())
    found = solve(train(1, 60.0, device, "down", pysv.times(180.0, 60.0), packet), engine=pysv.TrainMap(residual=1e-30))
    for name in SPINS:
        np.testing.assert_allclose(found[name][3], one[name][1], atol=2e-5, err_msg=name)
    assert np.isnan(found.electron_spin_z[2:]).all()
    assert np.isfinite(found.electron_spin_z[1])


@pytest.mark.parametrize("coupling", ["x", "z", "xyz"])
def test_relaxation_of_a_layer_is_its_lindblad_equation(coupling):
    """The map of a long interval against QuTiP's Liouvillian of the layer alone."""
    import qutip

    bath = pysv.BosonicBath(temperature=200.0, coupling=coupling, strength=0.05)
    layer = layer_baths(TWO, bath)[0]
    h = layer.spectrum.vectors @ np.diag(layer.spectrum.energies) @ layer.spectrum.vectors.T
    jumps = [qutip.Qobj(jump) / math.sqrt(brute.HBAR) for jump in layer.jumps]
    generator = qutip.liouvillian(qutip.Qobj(h) / brute.HBAR, jumps)
    rho = np.random.default_rng(3).normal(size=(4, 4)) + 0j
    rho = rho @ rho.conj().T
    after = (relaxation(layer, 37.0) @ rho.ravel()).reshape(4, 4)
    expected = qutip.vector_to_operator((generator * 37.0).expm() * qutip.operator_to_vector(qutip.Qobj(rho)))
    np.testing.assert_allclose(after, expected.full(), atol=1e-10)


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
def test_baths_between_the_pulses():
    """One pulse with baths against the low-rank engine: what is neglected is linear in the strength of the baths."""
    off = []
    for strength in (0.02, 0.01):
        bath = pysv.BosonicBath(temperature=300.0, coupling="x", strength=strength)
        found = solve(train(1, 24.0, PAIR, "up", bath=bath), engine=pysv.TrainMap(residual=1e-30))
        one = solve(single(24.0, PAIR, "up", bath=bath), engine=pysv.LowRank(tolerance=1e-7, time_step=1.0))
        free = solve(single(24.0, PAIR, "up"))
        off.append(float(np.abs(found.spin_z[1] - one.spin_z[1]).max()))
        effect = float(np.abs(free.spin_z[1] - one.spin_z[1]).max())
        assert off[-1] < 0.1 * effect
    assert 1.5 < off[0] / off[1] < 3


@pytest.mark.filterwarnings("ignore::pysv.errors.BathValidityWarning")
def test_baths_win_between_rare_pulses():
    """After the train the spins relax to the Gibbs state of their own H."""
    bath = pysv.BosonicBath(temperature=300.0, coupling="xyz", strength=0.005)
    found = solve(train(3, 100.0, PAIR, "up", times=pysv.times(40_000.0, 100.0), bath=bath))
    assert float(np.abs(found.spin_z[3]).max()) > 0.01
    np.testing.assert_allclose(found.spin_z[-1], 0.0, atol=1e-6)
    np.testing.assert_allclose(found.entropy_total[-1], 2 * math.log(2), atol=1e-6)


def test_a_train_is_resumed_and_extended(tmp_path):
    whole = solve(train(6, spin=(0.5, 0.1)))
    short = train(6, spin=(0.5, 0.1), times=pysv.times(180.0, 60.0))
    solve(short, out=tmp_path / "t.nc")
    longer = pysv.resume(tmp_path / "t.nc", stop=360.0, progress=False)
    for name in (*SPINS, *ELECTRON, "electron_transmission", "change_of_state"):
        np.testing.assert_allclose(longer[name], whole[name], rtol=1e-12, atol=1e-14, err_msg=name)


def test_a_train_in_a_file(tmp_path):
    path = tmp_path / "train.toml"
    path.write_text("[source]\nkind = 'train'\npulses = 7\ninterval = 150.0\nspin = 'up'\n")
    read = pysv.read(path)
    assert read.experiment == pysv.Experiment(source=pysv.Train(pulses=7, interval=150.0, spin="up"))
    assert read.experiment.times == pysv.times(1050.0, 150.0)
    again = pysv.config.loads(pysv.config.dumps(read.experiment))
    assert again.experiment == read.experiment


def test_what_a_train_is_not():
    experiment = train()
    for name, method in methods().items():
        if not method.trains:
            with pytest.raises(EngineError, match="'train'"):
                pysv.solve(experiment, engine=name)
    with pytest.raises(EngineError, match="trains of electrons only"):
        pysv.solve(pysv.Experiment(), engine="train")
    with pytest.raises(InvalidInputError, match="whole number of intervals of 60 fs"):
        train(times=pysv.times(90.0, 30.0))
    with pytest.raises(InvalidInputError, match="pulses = 0 must be between 1"):
        pysv.Train(pulses=0)
    with pytest.raises(InvalidInputError, match="allow_truncation = true would be ignored"):
        pysv.Train(allow_truncation=True)
    with pytest.raises(InvalidInputError, match="interval = 0 must be at least 1e-06"):
        pysv.Train(interval=0)


def test_an_electron_that_stays_is_warned_of():
    """An interval that ends while the electron is among the spins."""
    found = solve(train(1, 6.0, PAIR))
    assert found.attrs["engine_left_behind"] > 0.1
    assert "has not left 6 fs after its start" in found.attrs["warnings"]


def test_the_flight_ends_when_the_electron_has_left():
    own = train(device=PAIR)
    experiment = _on_leads(own, own.source, 200.0)
    times = [transit_time(experiment.device, packet(experiment), 200.0, r, 1e-10) for r in (1e-2, 1e-4, 1e-30)]
    assert 5 < times[0] < times[1] < times[2] == 200.0


def test_a_train_has_no_movie(tmp_path):
    found = solve(train(1, device=PAIR))
    with pytest.raises(InvalidInputError, match="the run holds no electron_density; plot it instead"):
        figures.animate(found, tmp_path / "m.gif", progress=False)
    assert figures.plot(found, tmp_path / "p.png").stat().st_size > 10_000
