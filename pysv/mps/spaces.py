"""Compiled search for the heaviest row space of θ on a bond, charge by charge, without singular value decompositions.

θ of one charge is a matrix (rows, columns), and Λ holds the Schmidt value of the left leg for each row. A space is a
basis Q, orthonormal columns (columns, n), and its image θQ, stored transposed (n, rows). Its weights, ascending, and
its mixing are the spectrum of Q†θ†Λ²θQ. A basis without columns stands for the unit matrix: the space is the whole one.

The search is a range finder (N. Halko, P. G. Martinsson and J. A. Tropp, SIAM Rev. 53, 217 (2011)) that starts from the
directions of the old bond.
"""

from __future__ import annotations

import numpy as np

from pysv.compute.compiler import FAST, compiled

_SPARE = 4
"""Fewest directions that a search adds to the known ones of a charge."""
_FULL, _GROWING = 8, 4
"""Known directions for each one added: where the bond is full, and where it grows."""
_MISSED = 0.02
"""Part of the allowed weight that the bases of a bond may miss."""
_EXCESS = 1e-4
"""Part of the discarded weight that a full bond may discard in excess of the smallest possible, as estimated."""
_PROBES = 2
"""Random combinations of directions from which the excess is estimated."""
_COARSE = 1e-12
"""Smallest part of the weight of θ that a search in single precision can be asked to miss."""
_SMALL = 4000
"""Elements of θ below which single precision is not faster."""
_SLAB = 64
"""Rows of a Gram matrix that are computed at a time; only its lower triangle is needed."""


@compiled(**FAST)
def _signs(rows, columns):
    """Fixed pseudo-random numbers ±1, whose combinations of vectors have the mean square of independent ones."""
    found = np.empty((rows, columns), np.complex128)
    state = np.uint64(88172645463325252)
    for i in range(rows):
        for j in range(columns):
            state ^= state << np.uint64(13)
            state ^= state >> np.uint64(7)
            state ^= state << np.uint64(17)
            found[i, j] = 1.0 if state >> np.uint64(63) else -1.0
    return found


@compiled(**FAST)
def _scaled(matrix, factors):
    """The rows of a matrix multiplied by factors, as (rows, columns)."""
    found = np.empty_like(matrix)
    for i in range(matrix.shape[0]):
        for j in range(matrix.shape[1]):
            found[i, j] = factors[i] * matrix[i, j]
    return found


@compiled(**FAST)
def _orthonormal(matrix):
    """Orthonormal basis of the columns."""
    q, _ = np.linalg.qr(matrix)
    return np.ascontiguousarray(q)


@compiled(**FAST)
def weight_of(theta, schmidt):
    """Squared norm of Λθ."""
    whole = 0.0
    for i in range(theta.shape[0]):
        row = 0.0
        for j in range(theta.shape[1]):
            row += theta[i, j].real ** 2 + theta[i, j].imag ** 2
        whole += schmidt[i] ** 2 * row
    return whole


@compiled(**FAST)
def _range(weighted, start):
    """Orthonormal basis of the range of M†M on the rows of `start`; products in the precision of M and `start`."""
    narrow = np.dot(weighted, np.conj(start).T)
    found = np.dot(weighted.T, np.conj(narrow)).astype(np.complex128)
    return np.conj(_orthonormal(found))


@compiled(**FAST)
def _gram(image, schmidt):
    """Gram matrix of an image (n, rows) times Λ; its lower triangle is enough for `_diagonal`."""
    count, rows = image.shape
    plain, conjugate = np.empty_like(image), np.empty_like(image)
    for i in range(count):
        for j in range(rows):
            plain[i, j] = schmidt[j] * image[i, j]
            conjugate[i, j] = np.conj(plain[i, j])
    if count <= _SLAB:
        return np.dot(conjugate, plain.T)
    gram = np.empty((count, count), np.complex128)
    for begin in range(0, count, _SLAB):
        end = min(begin + _SLAB, count)
        gram[begin:end, :end] = np.dot(conjugate[begin:end], plain[:end].T)
        gram[begin:end, end:] = 0.0
    return gram


@compiled(**FAST)
def _diagonal(gram):
    """Eigenvalues, ascending, and eigenvectors of a Hermitian matrix, of which the lower triangle is read."""
    weights, mixing = np.linalg.eigh(gram)
    return weights, np.ascontiguousarray(mixing)


@compiled(**FAST)
def _whole_space(theta, schmidt):
    """Basis, image, weights and mixing of the space that misses nothing, and the weight 0.0 that it misses."""
    rows, columns = theta.shape
    if columns <= rows:
        image = np.ascontiguousarray(theta.T)
        weights, mixing = _diagonal(_gram(image, schmidt))
        return np.empty((columns, 0), np.complex128), image, weights, mixing, 0.0
    basis = _orthonormal(np.conj(_scaled(theta, schmidt)).T)
    image = np.dot(basis.T, theta.T)
    weights, mixing = _diagonal(_gram(image, schmidt))
    return basis, image, weights, mixing, 0.0


@compiled(**FAST)
def _partial_space(theta, schmidt, weight, guess, full, goal):
    """Basis, image, weights and mixing of a space that holds the heaviest directions, and the weight that it misses.

    Where the bond is `full`, the search is enough, and in single precision: `_excess` says how good it is. Otherwise
    the space misses at most the weight `goal`, if need be as the whole one. It is the whole one, too, where that costs
    no more.
    """
    rows, columns = theta.shape
    known = guess.shape[0]
    count = known + max(_SPARE, known // (_FULL if full else _GROWING))
    if 3 * count >= 2 * min(rows, columns):
        return _whole_space(theta, schmidt)
    start = np.empty((count, columns), np.complex128)
    start[:known] = guess
    start[known:] = _signs(count - known, columns)
    weighted = _scaled(theta, schmidt)
    single = full and goal >= _COARSE * weight and rows * columns > _SMALL
    basis = _range(weighted.astype(np.complex64), start.astype(np.complex64)) if single else _range(weighted, start)
    image = np.dot(basis.T, theta.T)
    gram = _gram(image, schmidt)
    missed = max(0.0, weight - np.trace(gram).real)
    if not full and missed > goal:
        return _whole_space(theta, schmidt)
    weights, mixing = _diagonal(gram)
    return basis, image, weights, mixing, missed


@compiled(**FAST)
def _excess(theta, schmidt, space, size):
    """Estimate of the weight by which the `size` heaviest directions u of a space fall short of the heaviest ones of θ.

    To second order it is Σ |r|²/w with the weights w and the residuals r = θ†Λ²θu − wu. The sum is the mean of
    |Σ z r/√w|² over random signs z.
    """
    basis, _, weights, mixing, _ = space
    if size == 0 or basis.shape[1] == 0:
        return 0.0
    first = weights.size - size
    chosen = np.ascontiguousarray(mixing[:, first:])
    divided, multiplied = _signs(size, _PROBES), _signs(size, _PROBES)
    for i in range(size):
        root = np.sqrt(max(weights[first + i], 1e-300))
        for j in range(_PROBES):
            divided[i, j] /= root
            multiplied[i, j] *= root
    narrow = np.dot(theta, np.dot(basis, np.dot(chosen, divided)))
    for i in range(theta.shape[0]):
        for j in range(_PROBES):
            narrow[i, j] = schmidt[i] ** 2 * np.conj(narrow[i, j])
    applied, expected = np.dot(theta.T, narrow), np.dot(basis, np.dot(chosen, multiplied))
    found = 0.0
    for i in range(applied.shape[0]):
        for j in range(_PROBES):
            rest = np.conj(applied[i, j]) - expected[i, j]
            found += rest.real**2 + rest.imag**2
    return found / _PROBES


@compiled(**FAST)
def kept(weights, whole, least, most, allowed, floor):
    """Number of weights, in descending order, that a bond keeps (see `Truncation`), and whether `most` limits it."""
    above = 0
    while above < weights.size and weights[above] > floor * whole:
        above += 1
    needed, held = 0, 0.0
    while needed < above and whole - held > allowed * whole:
        held += weights[needed]
        needed += 1
    return max(1, min(max(needed, min(least, above)), most)), needed > most


@compiled(**FAST)
def sectors_kept(values, whole, least, most, allowed, floor):
    """Number of states that each charge keeps: the bond keeps the largest weights of all charges together.

    Returns the numbers, the total weight kept, and whether `most` forces more than `allowed` to be discarded.
    """
    count = 0
    for weights in values:
        count += weights.size
    everything = np.empty(count, np.float64)
    filled = 0
    for weights in values:
        everything[filled : filled + weights.size] = weights
        filled += weights.size
    descending = np.sort(everything)[::-1]
    places, limited = kept(descending, whole, least, most, allowed, floor)
    threshold = descending[places - 1]
    sizes = np.zeros(len(values), np.int64)
    total = 0.0
    for k in range(len(values)):
        for weight in values[k]:
            if weight >= threshold:
                sizes[k] += 1
                total += weight
    return sizes, total, limited


@compiled(**FAST)
def heaviest(thetas, schmidts, guesses, full, least, most, allowed, floor):
    """The spaces of all charges of a bond, and how many directions of each the bond keeps.

    Where a search was not good enough for the truncation that it leads to, the whole space takes its place.

    Parameters
    ----------
    thetas : list of complex128 ndarray (rows, columns)
        θ of each charge, without the Schmidt values.
    schmidts : list of float64 ndarray (rows,)
        Schmidt value of each row.
    guesses : list of complex128 ndarray (known, columns)
        Directions of the old bond, as the rows of the right tensor; none where there are none.
    full : bool
        Whether the bond has as many states as it may have: lighter directions than those that it keeps then need not
        be known.
    least, most, allowed, floor
        See `Truncation` and `pysv.mps.backend.FLOOR`.

    Returns
    -------
    list of tuple
        Basis (columns, n), image (n, rows), weights (n,) and mixing (n, n) of each charge, and the weight missed.
    int64 ndarray, float, float, bool
        Directions to keep, the last of each; the weight that they hold; the whole weight; whether `most` forces more
        than `allowed` to be discarded.
    """
    charges = len(thetas)
    own = np.empty(charges)
    for k in range(charges):
        own[k] = weight_of(thetas[k], schmidts[k])
    whole = own.sum()
    goal = _MISSED * allowed / charges * whole
    spaces = [_partial_space(thetas[k], schmidts[k], own[k], guesses[k], full, goal) for k in range(charges)]
    again = np.zeros(charges, np.bool_)
    while True:
        values = [space[2] for space in spaces]
        sizes, total, limited = sectors_kept(values, whole, least, most, allowed, floor)
        rough = np.array([space[4] > goal for space in spaces])
        for k in range(charges):
            again[k] = rough[k] and (not limited or sizes[k] == values[k].size)
        if rough.any() and not again.any():
            gained = 0.0
            for k in range(charges):
                if rough[k]:
                    gained += _excess(thetas[k], schmidts[k], spaces[k], sizes[k])
            if gained > _EXCESS * (whole - total):
                again[:] = rough
        if not again.any():
            return spaces, sizes, total, whole, limited
        for k in range(charges):
            if again[k]:
                spaces[k] = _whole_space(thetas[k], schmidts[k])
