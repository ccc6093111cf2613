"""Mutual logarithmic negativity of the two layers (Eqs. 2–4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
from scipy.linalg.lapack import zheevd

from pysv.compute import thread_pool
from pysv.errors import InvalidInputError
from pysv.experiment.record import LARGEST_DENSE
from pysv.measures.factor import SpinFactor
from pysv.measures.quadrature import SEED, trace_norm
from pysv.measures.registry import Estimated, Measure, Probes, register
from pysv.measures.sizes import Sizes, has_pairs, pairs_refusal, two_sides_needed
from pysv.measures.transpose import Product, TransposedBlock, transposed_blocks
from pysv.measures.view import View
from pysv.model.basis import Spins
from pysv.model.density import SpinDensity

ERROR = 1e-3
"""Error of the trace norm that sampling aims at: the third digit."""
_NEGLIGIBLE = 1e-2
"""Share of that error that may be lost in a large block, by leaving it out or by leaving out terms of it."""
_NOTHING = 1e-10
"""Trace norm of a small block below which it is left out."""


def log_negativity(rho: SpinDensity) -> float:
    """ln ‖ρ^{T_p}‖₁ = ln Σ |λ_n| (Eq. 2); the transpose over FM_a gives the same.

    When ρ is block diagonal in the down count d_p + d_a, or in its parity, the partial transpose is block
    diagonal in d_a − d_p, or in its parity, and only those blocks are diagonalised.

    Parameters
    ----------
    rho : SpinDensity

    Returns
    -------
    float
        Natural logarithm; 0 for a separable state. A zero does not prove separability (bound entanglement).
    """
    return float(np.log(sum(np.abs(_eigenvalues(block)).sum() for block in partial_transpose(rho))))


def negativity_bound(one: Spins, other: Spins, downs: Iterable[int]) -> float:
    """Largest logarithmic negativity that the conservation of S^z allows.

    A pure state in the sector d has a Schmidt decomposition of at most r_d = Σ_k min(m_p(k), m_a(d − k)) terms, where
    m(k) configurations of a side have the down count k, hence ‖ρ^{T_p}‖₁ ≤ r_d (Vidal and Werner 2002). The trace norm
    is convex, so that a mixture over states and sectors has max_d ln r_d at most: n ln 2 for two layers of n spins 1/2
    where d = n can be reached.

    Parameters
    ----------
    one, other : Spins
        The two sides.
    downs : iterable of int
        Down counts d of both sides together that the state occupies, without coherence between them.

    Returns
    -------
    float
        Natural logarithm.

    Raises
    ------
    InvalidInputError
        If both sides together have no configuration with any of these down counts.
    """
    reached = tuple(downs)
    ranks = (sum(min(one.multiplicity(k), other.multiplicity(d - k)) for k in range(one.lowest + 1)) for d in reached)
    rank = max(ranks, default=0)
    if rank == 0:
        raise InvalidInputError(
            f"downs = {list(reached)} has no sector of these spins; their down counts are 0 to "
            f"{one.lowest + other.lowest}",
            "downs",
        )
    return float(np.log(rank))


def log_negativity_of_factor(
    factor: SpinFactor, largest_dense: int = LARGEST_DENSE, error: float = ERROR
) -> tuple[float, float]:
    """ln ‖ρ^{T_p}‖₁ without ρ, and its error.

    Blocks of ρ^{T_p} (see `pysv.measures.transpose`) of up to `largest_dense` rows are formed and diagonalised. Of the
    larger ones the trace norm is estimated (see `pysv.measures.quadrature`), or, where √rows ‖block‖_F, which bounds
    it, is negligible, left out.

    Parameters
    ----------
    factor : SpinFactor
    largest_dense : int
        A block of n rows takes 32 n² bytes and some 4e-10 n³ s, two of them at a time on two processors.
    error : float
        Error of the trace norm that is aimed at for the large blocks.

    Returns
    -------
    value : float
        Natural logarithm.
    error : float
        One standard deviation of the sampling, together with bounds of all that was left out.
    """
    small: list[TransposedBlock] = []
    large: list[TransposedBlock] = []
    bound = 0.0
    allowed = error * _NEGLIGIBLE
    for block in transposed_blocks(factor):
        limit = float(np.sqrt(block.rows * block.square))
        if limit <= (_NOTHING if block.rows <= largest_dense else allowed):
            bound += limit
        else:
            (small if block.rows <= largest_dense else large).append(block)
    norms = np.zeros(len(small))

    def diagonalise(number: int) -> None:
        norms[number] = np.abs(np.linalg.eigvalsh(small[number].dense(), UPLO="U")).sum()

    thread_pool.each(diagonalise, sorted(range(len(small)), key=lambda number: -small[number].rows))
    total, variance = float(norms.sum()), 0.0
    # The variance that a block may add, in proportion to (standard deviation of a probe) × √(cost of a probe): this
    # costs least in all. Faint blocks need not be better than a fifth of the whole error.
    shares = np.array([np.sqrt(block.square * block.rows) for block in large])
    for block, share in zip(large, np.maximum(np.sqrt(shares / shares.sum()), 0.2), strict=True):
        lighter = block.truncated(allowed / np.sqrt(block.rows))
        found = trace_norm(
            Product(lighter), block.rows, lighter.trace, lighter.square, error * share, block.q + factor.one.lowest
        )
        total += found.value
        variance += found.statistical**2
        bound += found.systematic + allowed
    # What the factor has left out of ρ has a partial transpose whose trace norm is at most so many times its own.
    bound += factor.discarded * float(min(factor.one.size, factor.other.size))
    return float(np.log(total)), float((np.sqrt(variance) + bound) / total)


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
    d_p, d_a = rho.one.size, rho.other.size
    if rho.is_full:
        tensor = rho.blocks[0].matrix.reshape(d_p, d_a, d_p, d_a)
        yield tensor.transpose(2, 1, 0, 3).reshape(d_p * d_a, d_p * d_a)
        return
    flat = np.concatenate([block.matrix.ravel() for block in rho.blocks] + [np.zeros(1, complex)])
    for source in _gathers(rho.one, rho.other, rho.downs):
        yield flat[source]


def _eigenvalues(block: np.ndarray) -> np.ndarray:
    """Eigenvalues of a Hermitian block; LAPACK is called directly, because most blocks are small."""
    values, _, failed = zheevd(block.T, compute_v=0)  # the transpose has the same ones, and needs no copy
    if failed:
        raise np.linalg.LinAlgError(f"the eigenvalues of a block of {len(block)} rows did not converge")
    return np.asarray(values)


@lru_cache(maxsize=8)
def _gathers(one: Spins, other: Spins, downs: tuple[tuple[int, ...], ...]) -> tuple[np.ndarray, ...]:
    """Where the elements of each block of ρ^{T_p} lie in the concatenated blocks of ρ; the last place holds a zero."""
    spins, size = Spins(one.levels + other.levels), other.size
    inside = [spins.spanned(spanned) for spanned in downs]
    offsets = np.cumsum([0, *(found.size**2 for found in inside)])
    # (iα) occurs where some configurations of one block hold i in FM_p and α in FM_a.
    pairs = [np.add.outer(np.unique(c // size) * size, np.unique(c % size)).ravel() for c in inside]
    index = np.unique(np.concatenate(pairs))
    p, a = np.divmod(index, size)
    difference = other.down(a) - one.down(p)
    if any(len(spanned) > 1 for spanned in downs):
        difference %= 2
    found = []
    for charge in np.unique(difference):
        here = difference == charge
        ket = p[here][None, :] * size + a[here][:, None]  # (jα) for element (iα; jβ)
        bra = p[here][:, None] * size + a[here][None, :]  # (iβ)
        down = spins.down(ket)
        source = np.full(ket.shape, offsets[-1])
        for spanned, configuration, offset in zip(downs, inside, offsets, strict=False):
            held = np.isin(down, spanned)
            row, column = (np.searchsorted(configuration, side[held]) for side in (ket, bra))
            source[held] = offset + row * configuration.size + column
        if (source != offsets[-1]).any():
            found.append(source)
    return tuple(found)


def _negativity(view: View) -> float | Estimated | None:
    if view.parted is None:
        return None
    if isinstance(view.parted, SpinFactor):
        return Estimated(*log_negativity_of_factor(view.parted, view.setting.experiment.record.largest_dense))
    return log_negativity(view.parted)


def _pairs(view: View) -> np.ndarray | None:
    found = [view.between(*pair) for pair in view.setting.pairs]
    return np.array([log_negativity(rho) for rho in found if isinstance(rho, SpinDensity)]) if found else None


def _cost(sizes: Sizes) -> tuple[float, float]:
    """Blocks of ρ^{T_p}: all of them, or for a factor the largest one that is diagonalised."""
    if sizes.way == "dense":
        return 16 * 6 * sizes.transposed_elements, 1.25e-9 * sizes.block**3
    rows = min(sizes.transposed_block, sizes.experiment.record.largest_dense)
    return 64 * rows**2, 8e-10 * rows**3


def _refusal(sizes: Sizes) -> str | None:
    sides = two_sides_needed(sizes)
    if sides is not None:
        return sides
    rows = sizes.transposed_block if sizes.way == "factor" else 0
    if rows <= sizes.limits.sampled:
        return None
    return (
        f"needs hours a snapshot: a block of the partial transpose has {rows} rows, "
        f"this version samples up to {sizes.limits.sampled}"
    )


register(
    Measure(
        name="log_negativity",
        long_name="mutual logarithmic negativity of FM_p and FM_a",
        units="nat",
        needs="eigenstates",
        schedule="log_negativity",
        cost=_cost,
        refusal=_refusal,
        cites=("Vidal2002", "Plenio2005"),
        cited_for="logarithmic negativity",
        probes=Probes("factor", SEED, ("Ubaru2017",), "negativity of a large system"),
        function=_negativity,
        place=13,
    )
)
register(
    Measure(
        name="log_negativity_pairs",
        long_name="logarithmic negativity of each two layers",
        units="nat",
        dims=("pair",),
        needs="eigenstates",
        schedule="log_negativity",
        applies=has_pairs,
        refusal=pairs_refusal,
        cites=("Vidal2002", "Plenio2005"),
        cited_for="logarithmic negativity",
        function=_pairs,
        place=16,
    )
)
