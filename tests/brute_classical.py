"""Brute-force reference for electrons beside classical vectors: dense matrices, fields term by term, SciPy's LSODA.

The states of an electron are vectors over (site, spin), up first. Each field is written out by hand from its term of the
energy, and damping is Gilbert's implicit equation, solved for dn/dt. Nothing here is imported from `pysv`.

Units: eV and fs; localized spins are counted from 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from brute_general import HBAR, SCALES, SIGMA, Angles, BruteChain, Complex, Real
from scipy.integrate import solve_ivp


@dataclass(frozen=True)
class BruteVectors:
    """States of an electron with their weights, and a unit vector for each localized spin.

    Parameters
    ----------
    weights : (R,) float
    psi : (R, 2L) complex
    n : (N, 3) float
    """

    weights: Real
    psi: Complex
    n: Real


def unit(theta: float, phi: float) -> Real:
    """The unit vector with these angles."""
    return np.array([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)])


def start(weights: Sequence[float], psi: Sequence[Complex], angles: Sequence[Angles]) -> BruteVectors:
    """States of an electron, and a vector in each direction (theta, phi)."""
    return BruteVectors(np.array(weights), np.array(psi, dtype=complex), np.array([unit(*pair) for pair in angles]))


def _lengths(chain: BruteChain) -> list[float]:
    return [(d - 1) / 2 for d in chain.dims]


def electron_hamiltonian(chain: BruteChain, n: Real) -> Complex:
    """H_e over (site, spin), eV: hopping, potential and -f_e Jsd sigma.(2 f_s S n) on the site of each spin."""
    f_e, f_s = SCALES[chain.convention]
    orbital = np.diag(np.array(chain.potential, dtype=complex))
    for x, gamma in enumerate(chain.hopping):
        orbital[x, x + 1] -= gamma
        orbital[x + 1, x] -= gamma
    h = np.kron(orbital, np.eye(2))
    strengths = [jsd for layer in chain.layers for jsd in layer.sd_exchange]
    for i, (x, jsd) in enumerate(zip(chain.positions, strengths, strict=True)):
        here = np.zeros_like(orbital)
        here[x - 1, x - 1] = 1
        along = sum(n[i, axis] * SIGMA[axis] for axis in range(3))
        h = h - jsd * f_e * 2 * f_s * _lengths(chain)[i] * np.kron(here, along)
    return h


def electron_spins(now: BruteVectors) -> Real:
    """Expectation of sigma on each site, (L, 3)."""
    spinors = now.psi.reshape(len(now.weights), -1, 2)
    return np.stack(
        [np.einsum("r,rxs,st,rxt->x", now.weights, spinors.conj(), sigma, spinors).real for sigma in SIGMA], axis=1
    )


def sd_fields(chain: BruteChain, now: BruteVectors) -> Real:
    """B of dS/dt = S x B/hbar that the electrons make at each spin, (N, 3), eV."""
    f_e, f_s = SCALES[chain.convention]
    strengths = np.array([jsd for layer in chain.layers for jsd in layer.sd_exchange])
    return 2 * f_e * f_s * strengths[:, None] * electron_spins(now)[[x - 1 for x in chain.positions]]


def fields(chain: BruteChain, now: BruteVectors) -> Real:
    """B of dS/dt = S x B/hbar at each spin, (N, 3), eV."""
    f_s, S = SCALES[chain.convention][1], _lengths(chain)
    found = sd_fields(chain, now)
    for layer, members in zip(chain.layers, chain.members, strict=True):
        for (i, j), across, along in zip(pairwise(members), layer.exchange, layer.exchange_z, strict=True):
            couplings = 4 * f_s**2 * np.array([across, across, along])
            found[i] += couplings * S[j] * now.n[j]
            found[j] += couplings * S[i] * now.n[i]
        for i, anisotropy, field in zip(members, layer.anisotropy, layer.field, strict=True):
            found[i, 2] += 8 * f_s**2 * anisotropy * S[i] * now.n[i, 2] + 2 * f_s * field
    return found


def energy(chain: BruteChain, now: BruteVectors) -> float:
    """<H>, eV."""
    f_s = SCALES[chain.convention][1]
    h = electron_hamiltonian(chain, now.n)
    total = float(np.einsum("r,ra,ab,rb->", now.weights, now.psi.conj(), h, now.psi).real)
    spins = 2 * f_s * np.array(_lengths(chain))[:, None] * now.n
    for layer, members in zip(chain.layers, chain.members, strict=True):
        for (i, j), across, along in zip(pairwise(members), layer.exchange, layer.exchange_z, strict=True):
            total -= float(np.array([across, across, along]) @ (spins[i] * spins[j]))
        for i, anisotropy, field in zip(members, layer.anisotropy, layer.field, strict=True):
            total -= float(anisotropy * spins[i, 2] ** 2 + field * spins[i, 2])
    return total


def evolve(chain: BruteChain, first: BruteVectors, times: Sequence[float], damping: float = 0.0) -> list[BruteVectors]:
    """Electrons and vectors at ascending times, the first of which is 0."""
    shape, place = first.psi.shape, first.psi.size

    def unpack(y: Complex) -> BruteVectors:
        return BruteVectors(
            first.weights, (y[:place] + 1j * y[place : 2 * place]).reshape(shape), y[2 * place :].reshape(-1, 3)
        )

    def rates(_: float, y: Real) -> Real:
        now = unpack(y)
        d_psi = -1j / HBAR * now.psi @ electron_hamiltonian(chain, now.n).T
        d_n = []
        for n, field in zip(now.n, fields(chain, now), strict=True):
            # dn/dt + damping n x dn/dt = n x B/hbar
            times_n = np.array([[0, -n[2], n[1]], [n[2], 0, -n[0]], [-n[1], n[0], 0]])
            d_n.append(np.linalg.solve(np.eye(3) + damping * times_n, times_n @ field / HBAR))
        return np.concatenate([d_psi.real.ravel(), d_psi.imag.ravel(), np.ravel(d_n)])

    y = np.concatenate([first.psi.real.ravel(), first.psi.imag.ravel(), first.n.ravel()])
    found = solve_ivp(rates, (0.0, times[-1]), y, method="LSODA", t_eval=times, rtol=1e-12, atol=1e-12)
    assert found.success
    return [unpack(column) for column in found.y.T]
