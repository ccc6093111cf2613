"""Compiled loop over the products of H with classical vectors, see `pysv.classical.hamiltonian`."""

from __future__ import annotations

from pysv.compute.compiler import FAST, compiled
from pysv.units import HBAR


@compiled(inline="always", **FAST)
def _value(kind, length, n):
    """Classical value of 2Sᶻ, S⁺ or S⁻ of a vector."""
    if kind == 1:
        return 2 * length * n[2] + 0j
    return length * (n[0] + 1j * n[1]) if kind == 2 else length * (n[0] - 1j * n[1])


@compiled(inline="always", **FAST)
def _cross(a, b):
    """a × b."""
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@compiled(**FAST)
def energy_and_slopes(products, lengths, weights, psi, vectors, image, gradient):
    """Energy, eV; `image` ← H_e ψ and `gradient` ← ∂E/∂n, eV.

    Parameters
    ----------
    products : Products
    lengths : float64 ndarray (N,)
        S of each localized spin.
    weights : float64 ndarray (runs,)
        Of each state of an electron.
    psi, image : complex128 ndarray (runs, sites, 2)
    vectors, gradient : float64 ndarray (N, 3)
    """
    coefficient, to, of, sigma, first, spin, kind = products
    image[...] = 0
    gradient[...] = 0
    energy = 0.0
    for p in range(coefficient.size):
        value = coefficient[p] + 0j
        for f in range(first[p], first[p + 1]):
            value *= _value(kind[f], lengths[spin[f]], vectors[spin[f]])
        mean = 1 + 0j  # ⟨what the product does to the electrons⟩
        if to[p] >= 0:
            mean = 0j
            for run in range(weights.size):
                up, down = psi[run, of[p], 0], psi[run, of[p], 1]
                if sigma[p] == 1:
                    down = -down
                elif sigma[p] == 2:
                    up, down = down, 0j
                elif sigma[p] == 3:
                    up, down = 0j, up
                here = psi[run, to[p]]
                mean += weights[run] * (here[0].conjugate() * up + here[1].conjugate() * down)
                image[run, to[p], 0] += value * up
                image[run, to[p], 1] += value * down
        energy += (value * mean).real
        for f in range(first[p], first[p + 1]):
            rest = coefficient[p] * mean  # all of the product but this factor
            for g in range(first[p], first[p + 1]):
                if g != f:
                    rest *= _value(kind[g], lengths[spin[g]], vectors[spin[g]])
            slope, length = gradient[spin[f]], lengths[spin[f]]
            if kind[f] == 1:
                slope[2] += 2 * length * rest.real
            else:
                slope[0] += length * rest.real
                slope[1] -= length * rest.imag if kind[f] == 2 else -length * rest.imag
    return energy


@compiled(**FAST)
def rates(products, lengths, weights, damping, psi, vectors, d_psi, d_vectors):
    """`d_psi` ← −iH_e ψ/ħ and `d_vectors` ← dn/dt = [n × ω − α n × (n × ω)]/(1 + α²), ω = −∂E/∂n/(ħS), 1/fs.

    `damping` is α, a float; the other arguments are those of `energy_and_slopes`.
    """
    energy_and_slopes(products, lengths, weights, psi, vectors, d_psi, d_vectors)
    d_psi *= -1j / HBAR
    for i in range(lengths.size):
        n, d = vectors[i], d_vectors[i]
        scale = -1 / (HBAR * lengths[i] * (1 + damping**2))
        turn = _cross(n, (scale * d[0], scale * d[1], scale * d[2]))
        align = _cross(n, turn)
        for axis in range(3):
            d[axis] = turn[axis] - damping * align[axis]
