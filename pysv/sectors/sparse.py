"""H of one electron as a sparse matrix, from the products of its terms: it holds any of them."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from pysv.model.operators import Electron, Factors, Spin, Sum, act

if TYPE_CHECKING:
    from scipy.sparse import coo_matrix, csr_matrix

    from pysv.model.basis import Basis


def sparse_matrix(products: Sum, basis: Basis, sites: int) -> csr_matrix:
    """A sum of products as a real matrix over the states (row, site) of one electron.

    Parameters
    ----------
    products : mapping of Factors to float
    basis : Basis
    sites : int
        L_x.

    Returns
    -------
    csr_matrix (rows · sites, rows · sites)
        eV.
    """
    from scipy import sparse

    # Products that do the same to the spins are one matrix of the spins times one of the sites.
    alike: dict[tuple[tuple[str, ...], tuple[Spin, ...]], dict[tuple[Electron, ...], float]] = defaultdict(dict)
    for factors, value in products.items():
        alike[tuple(one.sigma for one in factors.electrons), factors.spins][factors.electrons] = value
    total = sparse.csr_matrix((basis.rows * sites,) * 2)
    entries = [
        sparse.kron(_of_spins(Factors(next(iter(paths)), spins), basis), _of_sites(paths, sites), "coo")
        for (_, spins), paths in alike.items()
    ]
    if entries:
        data, row, column = (np.concatenate([getattr(e, name) for e in entries]) for name in ("data", "row", "col"))
        total = sparse.coo_matrix((data, (row, column)), total.shape).tocsr()
        total.eliminate_zeros()
    return total


def _of_spins(factors: Factors, basis: Basis) -> coo_matrix:
    """What a product does to the rows."""
    from scipy import sparse

    value, electron, configuration = act(factors, basis.electron, basis.configuration, basis.spins)
    source = np.flatnonzero(value)
    target = basis.rows_of(electron[source], configuration[source])
    return sparse.coo_matrix((value[source], (target, source)), (basis.rows, basis.rows))


def _of_sites(paths: dict[tuple[Electron, ...], float], sites: int) -> coo_matrix:
    """Where products take the electron, with their coefficients."""
    from scipy import sparse

    if () in paths:
        return sparse.identity(sites, format="coo") * paths[()]
    # c†_a c_b c†_c c_d takes an electron from d to c and on to a, if b = c.
    whole = {path: v for path, v in paths.items() if all(left.of == right.to for left, right in pairwise(path))}
    to, of = ([getattr(path[end], name) - 1 for path in whole] for end, name in ((0, "to"), (-1, "of")))
    return sparse.coo_matrix((list(whole.values()), (to, of)), (sites, sites))
