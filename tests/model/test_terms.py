"""The terms of H against H written out without pysv, and every form of H against the terms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import brute
import numpy as np
import pytest
from brute_several import Several
from conftest import random_experiment
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from test_brute_force import brute_device

import pysv
from pysv.errors import InvalidInputError, NotReadyError
from pysv.model import terms
from pysv.model.basis import Basis, Spins
from pysv.model.norm import half_width, norm_bound
from pysv.model.operators import Electron, Product, Spin, collect
from pysv.model.terms import Exchange, Field, Hopping, OnSite, SdExchange, Term, hamiltonian_terms
from pysv.mps.chain import Chain
from pysv.mps.julia import chain_numbers
from pysv.pairs.hamiltonian import PairHamiltonian
from pysv.sectors.hamiltonian import Hamiltonian

MATRICES = {
    "1": np.eye(2),
    "z": np.diag([1.0, -1.0]),
    "+": np.array([[0.0, 1.0], [0.0, 0.0]]),
    "-": np.array([[0.0, 0.0], [1.0, 0.0]]),
}


def kron(*matrices):
    return reduce(lambda a, b: sparse.kron(a, b, format="csr"), map(sparse.csr_array, matrices))


def full(products, sites: int, n_spins: int) -> np.ndarray:
    """Products in the space site ⊗ electron's spin ⊗ localized spins of one electron."""
    total = sparse.csr_array((2 * sites * 2**n_spins,) * 2)
    for value, electrons, spins in products:
        matrix = sparse.csr_array(sparse.identity(total.shape[0]))
        for to, of, sigma in electrons:
            path = np.zeros((sites, sites))
            path[to - 1, of - 1] = 1
            matrix = matrix @ kron(path, MATRICES[sigma], np.eye(2**n_spins))
        for number, sigma in spins:
            factors = [MATRICES[sigma] if n == number else np.eye(2) for n in range(1, n_spins + 1)]
            matrix = matrix @ kron(np.eye(2 * sites), *factors)
        total = total + value * matrix
    return total.toarray()


def second_quantised(products, chain: Several) -> sparse.csr_array:
    """Products in the Fock space of several electrons, cut to the sector."""
    total = 0 * chain.operator({})
    for value, electrons, spins in products:
        matrix = chain.operator({})
        for to, of, sigma in electrons:
            elements = [(s, r) for s in (0, 1) for r in (0, 1) if MATRICES[sigma][s, r]]
            hops = (MATRICES[sigma][s, r] * chain.take(to, s).T @ chain.take(of, r) for s, r in elements)
            matrix = matrix @ reduce(lambda a, b: a + b, hops)
        for number, sigma in spins:
            matrix = matrix @ chain.operator(chain.spin(number - 1, sparse.csr_array(MATRICES[sigma])))
        total = total + value * matrix
    return chain.cut(total)


def products_of(own) -> list[Product]:
    return [product for term in own for product in term.products()]


@pytest.mark.parametrize("seed", range(12))
def test_the_terms_are_equation_7(seed):
    """In the full product space, in every convention; Hermitian, real, and S^z is conserved."""
    device = random_experiment(seed).device
    found = full(products_of(hamiltonian_terms(device)), device.sites, device.n_spins)
    np.testing.assert_allclose(found, brute.hamiltonian(brute_device(device)).toarray(), atol=1e-12)
    np.testing.assert_array_equal(found, found.T)
    spins = range(device.n_spins + 1)  # the electron's first
    spin_z = sum(
        kron(np.eye(device.sites), *(MATRICES["z" if k == n else "1"] for k in spins)).toarray() for n in spins
    )
    np.testing.assert_allclose(found @ spin_z, spin_z @ found, atol=1e-12)


SEVERAL = [
    ({"sites": 4, "polarizer": (2, 2), "analyzer": (3, 4)}, "mixed", 2),
    ({"sites": 4, "polarizer": (4, 4), "analyzer": (2, 3)}, "half", 2),
    ({"sites": 3, "polarizer": (2, 2), "analyzer": (3, 3)}, "pauli", 4),
]
COUPLINGS = {"hopping": 0.9, "sd_exchange": 0.6, "exchange": 0.13, "exchange_z": 0.2}


@pytest.mark.parametrize(("layers", "convention", "electrons"), SEVERAL)
def test_the_terms_are_equation_21(layers, convention, electrons):
    """H and H_{V,B} of several electrons, in second quantisation."""
    device = pysv.SpinValve(**layers, **COUPLINGS, convention=convention)
    chain = Several(**layers, **COUPLINGS, convention=convention, electrons=electrons)
    found = second_quantised(products_of(hamiltonian_terms(device)), chain)
    assert abs(found - chain.hamiltonian).max() < 1e-12
    source = pysv.ConfinedElectrons(confined_sites=1, well=3.0, field=0.7)
    found = second_quantised(products_of(terms.preparation_terms(device, source)), chain)
    assert abs(found - chain.preparation(1, 3.0, 0.7)).max() < 1e-12


@dataclass(frozen=True)
class Repulsion(Term):
    """U n_↑ n_↓ on a site = U (n² − s_z²)/4."""

    site: int
    energy: float

    def products(self):
        for sigma, sign in (("1", 1), ("z", -1)):
            yield Product(sign * self.energy / 4, (Electron(self.site, self.site, sigma),) * 2)


@dataclass(frozen=True)
class Valve(Term):
    """Spin-dependent hopping past a localized spin, −t (c†_to s_z c_of + h.c.) σᶻ."""

    to: int
    of: int
    spin: int
    amplitude: float

    def products(self):
        for to, of in ((self.to, self.of), (self.of, self.to)):
            yield Product(-self.amplitude, (Electron(to, of, "z"),), (Spin(self.spin, "z"),))


@dataclass(frozen=True)
class Ring(Term):
    """−J times any products of localized spins: σ⁺σ⁻ σᶻ + h.c. of three."""

    spins: tuple[int, int, int]
    coupling: float

    def products(self):
        for kinds in ("+-z", "-+z"):
            yield Product(-self.coupling, (), tuple(map(Spin, self.spins, kinds)))


@dataclass(frozen=True)
class Detour(Term):
    """ε c†_1 c_2 c†_2 c_1 and t (c†_1 c_2 c†_2 c_3 + h.c.): operators that do not commute."""

    energy: float
    amplitude: float

    def products(self):
        yield Product(self.energy, (Electron(1, 2), Electron(2, 1)))
        if self.amplitude:
            yield Product(self.amplitude, (Electron(1, 2), Electron(2, 3)))
            yield Product(self.amplitude, (Electron(3, 2), Electron(2, 1)))


@pytest.fixture
def added(monkeypatch):
    """A function that adds terms to H of every device, and takes them away at last."""
    monkeypatch.setattr(terms, "_registered", {})

    def add(*own):
        terms.register(lambda device: own)

    return add


def any_terms(seed: int, device: pysv.SpinValve) -> list[Term]:
    """Random terms of all kinds, near and far."""
    rng = np.random.default_rng(seed)
    sites, n = device.sites, device.n_spins

    def some(most: int, count: int) -> list[int]:
        return (1 + rng.choice(most, count, replace=False)).tolist()

    def number() -> float:
        return float(rng.uniform(-1, 1))

    found = [
        OnSite(*some(sites, 1), number()), Field(*some(n, 1), number()), Exchange(*some(n, 2), number(), number()),
        SdExchange(*some(sites, 1), *some(n, 1), number()), Hopping(1, sites, (number(), number())),
        Repulsion(*some(sites, 1), number()), Valve(*some(sites, 2), *some(n, 1), number()), Detour(number(), number()),
    ]  # fmt: skip
    return [*found, Ring(tuple(some(n, 3)), number())] if n > 2 else found


@settings(max_examples=8)
@given(st.integers(0, 10**6))
def test_the_sparse_matrix_and_the_bounds_hold_any_terms(seed):
    device = random_experiment(seed).device
    own = (*hamiltonian_terms(device), *any_terms(seed, device))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(terms, "_registered", {"own": lambda device: own[-len(any_terms(seed, device)) :]})
        h = Hamiltonian.of_device(device, Basis.of_sectors(device.n_spins, range(device.n_spins + 2)))
        place = (np.arange(h.sites) * 2)[None, :] + h.basis.electron[:, None]
        place = (place * 2**device.n_spins + h.basis.configuration[:, None]).ravel()
        expected = full(products_of(own), device.sites, device.n_spins)
        np.testing.assert_allclose(h.sparse().toarray(), expected[np.ix_(place, place)], atol=1e-12)
        levels = np.linalg.eigvalsh(expected)
        assert np.abs(levels).max() <= h.norm_bound()
        assert levels[-1] - levels[0] <= 2 * half_width(own, Spins.of(device.n_spins)) + 1e-12
        psi = np.random.default_rng(seed).standard_normal(h.shape) + 0j
        energy = np.vdot(psi[0], (h.sparse() @ psi[0].ravel()).reshape(psi[0].shape)).real
        assert h.expectation(psi) == pytest.approx(energy, rel=1e-12)
        assert not h.symmetric()


@pytest.mark.parametrize("seed", range(8))
def test_bounds_of_the_norm_are_bounds(seed):
    """Of one electron in a sector, and of two."""
    device = random_experiment(seed).device
    own = hamiltonian_terms(device)
    for sector in range(device.n_spins + 2):
        h = Hamiltonian.of_device(device, Basis.of_sectors(device.n_spins, (sector,)))
        levels = np.linalg.eigvalsh(h.sparse().toarray())
        assert np.abs(levels).max() <= norm_bound(own, h.basis.spins, h.basis.configuration) == h.norm_bound()
        assert levels[-1] - levels[0] <= 2 * half_width(own, Spins.of(device.n_spins))
        assert h.symmetric()
    pairs = PairHamiltonian.of_device(device)
    norm = np.linalg.norm(_matrix(pairs), 2)
    assert norm <= pairs.norm_bound() < 3 * norm


def _matrix(pairs: PairHamiltonian) -> np.ndarray:
    """H of two electrons on the antisymmetric states of ↑↑ and ↓↓, and all of ↑↓."""
    rows, sites = pairs.basis.rows, pairs.sites
    columns = []
    for row in range(rows):
        for x in range(sites):
            for y in range(sites):
                state = np.zeros(pairs.shape)
                state[row, x, y] = 1
                if pairs.basis.kind[row] != 1:
                    state[row, y, x] -= 1
                if np.linalg.norm(state) > 0 and (pairs.basis.kind[row] == 1 or x < y):
                    columns.append(state / np.linalg.norm(state))
    states, images = (np.array(found).reshape(len(columns), -1) for found in (columns, [*map(pairs.apply, columns)]))
    return states @ images.T


def test_the_bound_of_the_norm_by_hand():
    """2γ + 3 J_sd + the largest row of the exchange; a second electron adds its own 2γ + 3 J_sd."""
    device = pysv.SpinValve(sites=9, polarizer=(2, 4), analyzer=(6, 7), hopping=1.5, sd_exchange=-0.4, exchange=0.1,
                            exchange_z=0.3, convention="mixed")  # fmt: skip
    every = np.arange(2**5)
    found = [norm_bound(hamiltonian_terms(device), Spins.of(5), every, electrons) for electrons in (1, 2)]
    exchange = 3 * 0.3 / 4 + 3 * 2 * 0.1 / 4  # all three bonds antiparallel
    np.testing.assert_allclose(found, [3.0 + 3 * 0.2 + exchange, 2 * (3.0 + 3 * 0.2) + exchange], rtol=1e-14)
    assert norm_bound(hamiltonian_terms(device), Spins.of(5), every[:1]) == pytest.approx(3.0 + 3 * 0.2 + 3 * 0.3 / 4)


def test_the_kernels_hold_couplings_of_their_own_everywhere(added):
    device = pysv.SpinValve(sites=8, polarizer=(2, 5), analyzer=(6, 8))
    added(
        Field(1, 0.3), Field(6, -0.2), Exchange(1, 3, 0.0, 0.4), Exchange(2, 4, 0.1, 0.0), Exchange(5, 7, 0.3, -0.2),
        OnSite(1, 0.5), OnSite(7, -0.3), SdExchange(2, 1, 0.2), SdExchange(8, 7, -0.4), Hopping(2, 5, (0.5, -0.3)),
    )  # fmt: skip
    rng = np.random.default_rng(1)
    for sectors in ((3,), (2, 4)):
        h = Hamiltonian.of_device(device, Basis.of_sectors(7, sectors))
        psi = rng.standard_normal(h.shape) + 1j * rng.standard_normal(h.shape)
        expected = (h.sparse() @ psi[0].ravel()).reshape(psi[0].shape)
        np.testing.assert_allclose(h.apply(psi)[0], expected, atol=1e-13)
        assert h.expectation(psi) == pytest.approx(np.vdot(psi[0], expected).real, rel=1e-12)
        assert not h.symmetric()


REFUSED = [
    (Exchange(1, 4, 0.0, 0.4), "the coupling of spins 1, 4 of 0.4 eV, which"),
    (Exchange(3, 4, 0.2, 0.0), "the transverse exchange of spins 3, 4 of 0.2 eV, which"),
    (SdExchange(1, 1, 0.2), "the sd exchange at site and spin 1, 1 of 0.2 eV"),
    (Repulsion(2, 4.0), r"the product n\(2\) n\(2\) of 1 eV, which"),
    (Valve(2, 3, 1, 0.1), r"the product c†\(2\) sz c\(3\) σz\(1\) of -0.1 eV, which"),
]  # fmt: skip


@pytest.mark.parametrize(("term", "sentence"), REFUSED)
def test_what_the_kernels_cannot_hold_is_refused_and_qutip_runs_it(term, sentence, added):
    added(term)
    own = pysv.Experiment(
        device=pysv.SpinValve(sites=6, polarizer=(2, 4), analyzer=(6, 6)),
        source=pysv.WavePacket(center=3, momentum_spread=2.5, spin="up"), times=pysv.times(stop=1, step=1),
    )  # fmt: skip
    for engine in ("chebyshev", "rk4"):
        with pytest.raises(
            NotReadyError, match=f"^H has {sentence}.*; use engine 'qutip', whose sparse H holds any term$"
        ):
            pysv.solve(own, engine=engine, progress=False)
    data = pysv.solve(own, engine="qutip", progress=False)
    h = Hamiltonian.of_device(own.device, Basis.of_sectors(4, (1,)))
    assert data.drift_energy < 1e-6 * np.abs(np.linalg.eigvalsh(h.sparse().toarray())).max()


def test_layers_that_are_coupled_have_no_states_of_their_own(added):
    added(Exchange(2, 3, 0.0, 0.1))
    device = pysv.SpinValve(sites=6, polarizer=(3, 4), analyzer=(6, 6))
    thermal = pysv.Experiment(
        device=device, source=pysv.WavePacket(center=3, momentum_spread=2.5), spins=pysv.Gibbs(), times=pysv.times(1, 1)
    )
    with pytest.raises(NotReadyError, match=r"the product σz\(2\) σz\(3\), which couples polarizer to another layer"):
        pysv.solve(thermal, engine="qutip", progress=False)


def test_two_electrons_hold_couplings_between_layers_and_potentials(added):
    device = pysv.SpinValve(sites=4, polarizer=(2, 2), analyzer=(3, 3), **COUPLINGS)
    bare = np.linalg.eigvalsh(_matrix(PairHamiltonian.of_device(device)))
    added(
        Exchange(1, 2, 0.15, 0.25), Field(1, 0.1), OnSite(1, 0.2), OnSite(3, -0.4), SdExchange(3, 2, -0.3),
        Hopping(2, 3, (0.25,)),
    )  # fmt: skip
    chain = Several(sites=4, polarizer=(2, 2), analyzer=(3, 3), **COUPLINGS, convention="pauli", electrons=2)
    expected = np.linalg.eigvalsh(second_quantised(products_of(hamiltonian_terms(device)), chain).toarray())
    found = np.linalg.eigvalsh(_matrix(PairHamiltonian.of_device(device)))
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert abs(found - bare).max() > 0.01
    added(SdExchange(1, 1, 0.2))
    with pytest.raises(
        NotReadyError, match="sd exchange at site and spin 1, 1 of 0.2 eV, which the kernels of two electrons cannot ho"
    ):
        PairHamiltonian.of_device(device)


@pytest.mark.parametrize(("layers", "convention", "electrons"), SEVERAL)
def test_the_chain_holds_any_terms_of_neighbours(layers, convention, electrons, added):
    """The sum of its bonds, in a sector, has the spectrum of the terms in second quantisation."""
    device = pysv.SpinValve(**layers, **COUPLINGS, convention=convention)
    first, last = (device.spin_sites.index(site) + 1 for site in (2, 3))
    added(
        Repulsion(1, 0.8), OnSite(2, -0.3), Field(1, 0.2), Hopping(1, device.sites, (0.1, -0.2)), Valve(2, 3, last, 0.3),
        Exchange(first, last, 0.2, -0.1), Detour(0.4, 0.0),
    )  # fmt: skip
    chain = Chain.of_device(device)
    dims = [space.dim for space in chain.spaces]
    whole = sum(
        kron(np.eye(int(np.prod(dims[:left]))), chain.bond(left), np.eye(int(np.prod(dims[left + 2 :]))))
        for left in range(chain.sites - 1)
    ).toarray()
    charges = reduce(lambda a, b: (a[:, None] + b[None]).reshape(-1, 2), [space.charges for space in chain.spaces])
    inside = np.flatnonzero((charges == [electrons, device.n_polarizer - device.n_analyzer]).all(axis=1))
    several = Several(**layers, **COUPLINGS, convention=convention, electrons=electrons)
    expected = second_quantised(products_of(hamiltonian_terms(device)), several).toarray()
    np.testing.assert_allclose(
        np.linalg.eigvalsh(whole[np.ix_(inside, inside)]), np.linalg.eigvalsh(expected), atol=1e-12
    )
    with pytest.raises(NotReadyError, match="which the Julia backend of 'tdmrg' cannot hold; use backend 'python'"):
        chain_numbers(chain)


def test_the_numbers_that_julia_receives():
    device = pysv.SpinValve(sites=7, polarizer=(6, 7), analyzer=(2, 4), **COUPLINGS, convention="half")
    source = pysv.ConfinedElectrons(confined_sites=1, well=3.0, field=0.7)
    carries, exchanged, potential, field, numbers = chain_numbers(Chain.of_device(device, source))
    assert carries.tolist() == [0, 1, 1, 1, 0, 1, 1]
    assert exchanged.tolist() == [0, 1, 1, 0, 0, 1]
    assert potential.tolist() == [-3.0, 0, 0, 0, 0, 0, 0]
    np.testing.assert_allclose(field, [0, 0.35, 0.35, 0.35, 0, -0.35, -0.35], atol=1e-15)
    np.testing.assert_allclose(numbers, [0.9, 0.15, 0.0325, 0.05], rtol=1e-14)
    near = chain_numbers(Chain.of_device(device, source).part(3))
    assert [len(array) for array in near] == [3, 2, 3, 3, 4]
    np.testing.assert_allclose(near[4], numbers, rtol=1e-14)
    for array, kind in zip(near, (np.int64, np.int64, float, float, float), strict=True):
        assert array.dtype == kind


@dataclass(frozen=True)
class Anything(Term):
    written: tuple[Product, ...]

    def products(self):
        return iter(self.written)


WRONG = [
    (Product(0.1, (Electron(1, 2),)), "is not Hermitian; add the Hermitian conjugates of its products"),
    (Product(0.1, (), (Spin(1, "+"), Spin(2, "-"))), "is not Hermitian"),
    (Product(0.1, (), (Spin(0, "z"),)), "acts on spin 0; the device has spins 1 to 3, counted from 1"),
    (Product(0.1, (), (Spin(4, "z"),)), "acts on spin 4"),
    (Product(0.1, (Electron(7, 7),)), "acts on site 7; the device has sites 1 to 6"),
]


@pytest.mark.parametrize(("product", "sentence"), WRONG)
def test_a_wrong_term_is_refused(product, sentence, added):
    added(Anything((product,)))
    with pytest.raises(InvalidInputError, match=sentence):
        hamiltonian_terms(pysv.SpinValve(sites=6, polarizer=(3, 4), analyzer=(6, 6)))


def test_a_term_that_changes_the_spin_is_refused(added):
    added(Anything(tuple(Product(0.1, (), (Spin(1, sigma),)) for sigma in "+-")))
    with pytest.raises(InvalidInputError, match=r"has the product σ\+\(1\), which changes S\^z"):
        hamiltonian_terms(pysv.SpinValve())


def test_products_add_up_whatever_their_order():
    one = Product(0.5, (), (Spin(3, "+"), Spin(1, "-")))
    other = Product(0.25, (), (Spin(1, "-"), Spin(3, "+")))
    ((factors, value),) = collect([one, other]).items()
    assert (str(factors), value) == ("σ-(1) σ+(3)", 0.75)
    apart = Product(1.0, (Electron(2, 2), Electron(1, 1, "z")))
    assert [str(factors) for factors in collect([apart])] == ["sz(1) n(2)"]
    together = Product(1.0, (Electron(1, 2), Electron(2, 3)))  # they do not commute
    assert [str(factors) for factors in collect([together])] == ["c†(1) c(2) c†(2) c(3)"]


def test_a_maker_of_the_same_name_takes_the_place_of_the_earlier_one(monkeypatch):
    """A cell of a notebook that runs twice adds its terms once."""
    monkeypatch.setattr(terms, "_registered", {})
    for energy in (0.1, 0.2):

        @terms.register
        def own(device, energy=energy):
            yield OnSite(1, energy)

    assert hamiltonian_terms(pysv.SpinValve())[-1] == OnSite(1, 0.2)
