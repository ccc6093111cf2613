"""Mutual logarithmic negativity of the two layers (Eqs. 2–4)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from scipy.linalg.lapack import zheevd

from pysv.basis import down_count
from pysv.measures.reduced import SpinDensity, spanned_configurations


def log_negativity(rho: SpinDensity) -> float:
    """ln ‖ρ^{T_p}‖₁ = ln Σ |λ_n| (Eq. 2); the transpose over FM_a gives the same.

    When ρ is block diagonal in the number of down spins d_p + d_a, or in its parity, the partial transpose is block
    diagonal in d_a − d_p, or in its parity, and only those blocks are diagonalised.

    Parameters
    ----------
    rho : SpinDensity

    Returns
    -------
    float
        Natural logarithm; 0 for a separable state.
    """
    return float(np.log(sum(np.abs(_eigenvalues(block)).sum() for block in partial_transpose(rho))))


def partial_transpose(rho: SpinDensity) -> Iterator[np.ndarray]:
    """Diagonal blocks of ρ^{T_p}, (ρ^{T_p})_{iα;jβ} = ρ_{jα;iβ} (Eq. 3).

    Parameters
    ----------
    rho : SpinDensity

    Yields
    ------
    complex ndarray
        Hermitian blocks, together the whole of ρ^{T_p} up to a permutation and zeros.
    """
    d_p, d_a = 1 << rho.n_polarizer, 1 << rho.n_analyzer
    if rho.is_full:
        tensor = rho.blocks[0].matrix.reshape(d_p, d_a, d_p, d_a)
        yield tensor.transpose(2, 1, 0, 3).reshape(d_p * d_a, d_p * d_a)
        return
    flat = np.concatenate([block.matrix.ravel() for block in rho.blocks] + [np.zeros(1, complex)])
    for source in _gathers(rho.n_polarizer, rho.n_analyzer, rho.downs):
        yield flat[source]


def _eigenvalues(block: np.ndarray) -> np.ndarray:
    """Eigenvalues of a Hermitian block; LAPACK is called directly, because most blocks are small."""
    values, _, failed = zheevd(block.T, compute_v=0)  # the transpose has the same ones, and needs no copy
    if failed:
        raise np.linalg.LinAlgError(f"the eigenvalues of a block of {len(block)} rows did not converge")
    return np.asarray(values)


@lru_cache(maxsize=8)
def _gathers(n_p: int, n_a: int, downs: tuple[tuple[int, ...], ...]) -> tuple[np.ndarray, ...]:
    """Where the elements of each block of ρ^{T_p} lie in the concatenated blocks of ρ; the last place holds a zero."""
    n = n_p + n_a
    inside = [spanned_configurations(n, spanned) for spanned in downs]
    offsets = np.cumsum([0, *(found.size**2 for found in inside)])
    # (iα) occurs where some configurations of one block hold i in FM_p and α in FM_a.
    pairs = [np.add.outer(np.unique(c >> n_a) << n_a, np.unique(c & ((1 << n_a) - 1))).ravel() for c in inside]
    index = np.unique(np.concatenate(pairs))
    p, a = index >> n_a, index & ((1 << n_a) - 1)
    difference = down_count(a) - down_count(p)
    if any(len(spanned) > 1 for spanned in downs):
        difference %= 2
    found = []
    for charge in np.unique(difference):
        here = difference == charge
        ket = (p[here][None, :] << n_a) | a[here][:, None]  # (jα) for element (iα; jβ)
        bra = (p[here][:, None] << n_a) | a[here][None, :]  # (iβ)
        down = down_count(ket)
        source = np.full(ket.shape, offsets[-1])
        for spanned, configuration, offset in zip(downs, inside, offsets, strict=False):
            held = np.isin(down, spanned)
            row, column = (np.searchsorted(configuration, side[held]) for side in (ket, bra))
            source[held] = offset + row * configuration.size + column
        if (source != offsets[-1]).any():
            found.append(source)
    return tuple(found)
