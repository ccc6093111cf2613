"""What docs/limits.md says is refused, is refused, with the sentence that the page shows."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from brute_several import Several

import pysv
from pysv import config, engines
from pysv.errors import PysvError
from pysv.experiment.layer import Layer
from pysv.measures.ways import left_out
from pysv.model import terms
from pysv.model.operators import Electron, Product, Spin
from pysv.sectors import backend as backends

PAGE = Path(__file__).parents[2] / "docs" / "limits.md"
VALVE = pysv.SpinValve(sites=12, polarizer=(7, 7), analyzer=(10, 10))
PACKET = pysv.WavePacket(center=4, momentum_spread=1.5)
TRAIN = pysv.Train(center=4, momentum_spread=1.5)
CONFINED = pysv.ConfinedElectrons(confined_sites=4, well=20.0)
PLAIN = pysv.Experiment(device=VALVE, source=PACKET)
TILTED = pysv.ProductState(polarizer=(0.3, 0.0))


def key(table: str, name: str):
    return lambda: config.loads(f"[{table}]\n{name} = 1.0")


def nobody(**changes):
    """Every engine refuses the experiment, or nobody can make it; with the sentence of the engine that `auto` takes."""

    def refused() -> None:
        experiment = dataclasses.replace(PLAIN, **changes)
        quantum = [own() for own in engines.methods().values() if own.quantum]
        assert all(method.refused(experiment) for method in quantum)
        engines.choose(experiment)

    return refused


def engine(name: str, **changes):
    return lambda: engines.choose(dataclasses.replace(PLAIN, **changes), name)


def without(measure: str, *, averaged: bool = False, method: str = "chebyshev", **changes):
    """A measure that is left out, as an error with its reason."""

    def lacking() -> None:
        experiment, lacks = dataclasses.replace(PLAIN, **changes), engines.methods()[method]().lacks
        raise PysvError(left_out(experiment, averaged=averaged, lacks=lacks)[measure])

    return lacking


@dataclasses.dataclass(frozen=True)
class Flip(terms.Term):
    """A transverse field on the first spin."""

    def products(self):
        yield Product(0.1, spins=(Spin(1, "+"),))
        yield Product(0.1, spins=(Spin(1, "-"),))


@dataclasses.dataclass(frozen=True)
class Repulsion(terms.Term):
    """U n↑n↓ = U (n² − n)/2 on a site; U = 1.5 eV."""

    site: int

    def products(self):
        number = Electron(self.site, self.site)
        yield Product(0.75, electrons=(number, number))
        yield Product(-0.75, electrons=(number,))


@dataclasses.dataclass(frozen=True)
class Far(terms.Term):
    """Hopping between sites 1 and 3, −0.4 eV."""

    def products(self):
        yield Product(-0.4, electrons=(Electron(3, 1),))
        yield Product(-0.4, electrons=(Electron(1, 3),))


def with_terms(own):
    def run() -> None:
        terms.register(lambda device: own)
        pysv.solve(dataclasses.replace(PLAIN, times=pysv.times(1, 1)), progress=False)

    return run


def correlator(name: str, **changes):
    return lambda: pysv.correlator(dataclasses.replace(PLAIN, **changes), engine=name)


WIDE = pysv.SpinValve(polarizer=(44, 50), analyzer=(55, 61))
LONG = pysv.Device(sites=12, layers=[Layer(name="A", sites=(7, 7), spin=1.0), Layer(name="B", sites=(9, 9))])
LARGE_LAYER = pysv.SpinValve(polarizer=(44, 50), analyzer=(55, 55))
REFUSED = {
    "electrons that repel each other": key("device", "interaction"),
    "hopping beyond nearest neighbours, or in two dimensions": key("device", "hopping_2"),
    "spin–orbit coupling, transverse fields, anything that changes total $S^z$": with_terms((Flip(),)),
    "complex hopping (a magnetic flux)": lambda: pysv.Device(sites=9, layers=[Layer(sites=(5, 5))], hopping=[1j, 1.0]),
    "parameters that change with time, a bias between the leads": key("device", "bias"),
    "absorbing ends of the chain": key("device", "absorbing"),
    "a Fermi sea, electrons with a temperature": key("source", "temperature"),
    "spins above 5/2": lambda: Layer(sites=(5, 5), spin=3.0),
    "two localized spins on a site": lambda: pysv.Device(
        sites=9, layers=[Layer(name="A", sites=(5, 5)), Layer(name="B", sites=(5, 6))]
    ),
    "several electrons with baths": nobody(source=CONFINED, bath=pysv.BosonicBath()),
    "several electrons beside thermal spins": nobody(source=CONFINED, spins=pysv.Gibbs()),
    "three electrons or more beside quantum spins above 1/2": nobody(
        device=LONG, source=dataclasses.replace(CONFINED, electrons=4)
    ),
    "several electrons that start as packets": lambda: pysv.WavePacket(electrons=2),
    "trains whose electrons dephase": engine(
        "train", source=TRAIN, times=pysv.times(200, 200), bath=pysv.BosonicBath(strength=0.0, dephasing_rate=0.01)
    ),
    "the electron between the pulses of a train": lambda: dataclasses.replace(PLAIN, source=TRAIN),
    "baths with memory, or coupled by other operators than σˣ, σʸ, σᶻ": lambda: pysv.BosonicBath(coupling="zz"),
    "baths on a layer of more than 6 spins 1/2 in `trajectories`, `low-rank` and `train`": (
        engine("trajectories", device=LARGE_LAYER, bath=pysv.BosonicBath()),
        engine("low-rank", device=LARGE_LAYER, bath=pysv.BosonicBath()),
        engine("train", device=LARGE_LAYER, bath=pysv.BosonicBath(), source=pysv.Train(), times=pysv.times(200, 200)),
    ),
    "more than 12 localized spins in `tdmrg`": nobody(device=WIDE, source=pysv.ConfinedElectrons(electrons=4)),
    "an unpolarized electron, or thermal spins, in `tdmrg`": (
        engine("tdmrg"), engine("tdmrg", source=dataclasses.replace(PACKET, spin="up"), spins=pysv.Gibbs())
    ),
    "currents and torque in `tdmrg`": engine("tdmrg", source=CONFINED, record=pysv.Record(currents=True, torque=True)),
    "entangled spins in `llg`": engine("llg", spins=pysv.Bell()),
    "correlators in `llg` and `train`": (
        correlator("llg", times=pysv.times(1, 1)), correlator("train", source=TRAIN, times=pysv.times(200, 200))
    ),
    "ρ, and ⟨σ_i·σ_j⟩, of more than 6+6 collinear spins": without(
        "spin_correlation", device=WIDE, record=pysv.Record(density_matrix=True, correlations=True)
    ),
    "entropies and negativity of more than ten spins, any of them tilted": without(
        "log_negativity", device=pysv.SpinValve(polarizer=(44, 49), analyzer=(54, 58)), spins=TILTED
    ),
    "measures that are not linear in ρ and need the electron, of trajectories": without(
        "log_negativity_electron", averaged=True, method="trajectories", bath=pysv.BosonicBath(),
        record=pysv.Record(electron_negativity=True),
    ),
    "entropies, negativity and all else that needs ρ, of classical vectors": without("log_negativity", method="llg"),
}  # fmt: skip


def rows() -> dict[str, str]:
    """What the page says, by what it is about."""
    cells = [row.split(" | ") for row in re.findall(r"^\| (.*) \|$", PAGE.read_text("utf-8"), re.M)]
    return {own[0]: own[1] for own in cells if len(own) == 3 and own[0] != "what"}


@pytest.fixture(autouse=True)
def own_terms(monkeypatch):
    monkeypatch.setattr(terms, "_registered", dict(terms._registered))


def test_every_row_of_the_page_is_tried():
    assert set(rows()) == set(REFUSED)


@pytest.mark.parametrize("what", REFUSED)
def test_the_program_says_what_the_page_says(what):
    asked = REFUSED[what]
    for refused in asked if isinstance(asked, tuple) else (asked,):
        with pytest.raises(PysvError, match=re.escape(rows()[what])):
            refused()


def test_what_is_said_of_sizes():
    """One spin fewer is served; and the table of engines has no guest that nobody serves."""
    record = pysv.Record(density_matrix=True, correlations=True)
    six, ten = (pysv.SpinValve(polarizer=(44, 49), analyzer=(54, 59 - less)) for less in (0, 2))
    assert not left_out(dataclasses.replace(PLAIN, device=six, record=record))
    assert not left_out(dataclasses.replace(PLAIN, device=ten, spins=TILTED, record=record))
    engines.choose(dataclasses.replace(PLAIN, device=six, source=pysv.ConfinedElectrons(electrons=4)))
    for name in ("trajectories", "low-rank", "qutip"):
        engines.choose(dataclasses.replace(PLAIN, device=six, bath=pysv.BosonicBath()), name)
    engines.choose(dataclasses.replace(PLAIN, device=LARGE_LAYER, bath=pysv.BosonicBath()), "qutip")
    for backend in ("mpi", "cuda"):
        assert [name for name, own in engines.methods().items() if backend in own.backends] == ["chebyshev"]
    assert not backends.backend("cuda").automatic
    from pysv.engines.guests import table

    assert all(any(served.values()) for _, served in table())


def test_electrons_repel_each_other_in_tdmrg_by_a_term_of_ones_own():
    """U n↑n↓ on every site, against the full product space."""
    chain = Several(
        sites=6, polarizer=(4, 4), analyzer=(6, 6), hopping=1.0, sd_exchange=0.8, exchange=0.0, exchange_z=0.0,
        convention="half", electrons=2,
    )  # fmt: skip
    for site in range(1, 7):
        chain.__dict__["hamiltonian"] = chain.hamiltonian + 1.5 * chain.cut(
            chain.number(site, 0) @ chain.number(site, 1)
        )
    _, psi = chain.ground_state(3, 60.0, 10.0)
    terms.register(lambda device: tuple(Repulsion(site) for site in range(1, device.sites + 1)))
    own = pysv.Experiment(
        device=pysv.SpinValve(sites=6, polarizer=(4, 4), analyzer=(6, 6), sd_exchange=0.8, convention="half"),
        source=pysv.ConfinedElectrons(confined_sites=3, well=60.0, field=10.0), times=pysv.times(3, 1.5),
        record=pysv.Record(density_matrix=True),
    )  # fmt: skip
    method = pysv.TDMRG(time_step=0.05, trotter_order=4, discarded_weight=0.0)
    data = pysv.solve(own, engine=method, progress=False)
    for index, time in enumerate(data.time.values):
        for name, value in chain.variables(chain.evolve(psi, time)).items():
            np.testing.assert_allclose(data[name][index], value, atol=1e-6, err_msg=f"{name} at {time} fs")


@pytest.mark.parametrize("name", ["qutip", "llg"])
def test_far_hopping_by_a_term_of_ones_own(name):
    """A free electron in the matrix of its hoppings."""
    terms.register(lambda device: (Far(),))
    free = pysv.SpinValve(sites=12, polarizer=(7, 7), analyzer=(10, 10), sd_exchange=0.0)
    data = pysv.solve(dataclasses.replace(PLAIN, device=free, times=pysv.times(2, 1)), engine=name, progress=False)
    matrix = -np.eye(12, k=1) - np.eye(12, k=-1)
    matrix[0, 2] = matrix[2, 0] = -0.4
    sites = np.arange(1, 13)
    psi = np.exp(1j * PACKET.momentum * sites - PACKET.momentum_spread**2 * (sites - PACKET.center) ** 2 / 4)
    energies, states = np.linalg.eigh(matrix)
    for index, time in enumerate(data.time.values):
        after = states @ (np.exp(-1j * energies * time / 0.6582119569) * (states.T @ psi / np.linalg.norm(psi)))
        np.testing.assert_allclose(data.electron_density[index], abs(after) ** 2, atol=1e-6)
