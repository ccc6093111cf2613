"""Compiled loops over the charge blocks of a matrix-product state; for its memory layout see `pysv.mps.state`.

A leg is given by its charges (codes, ascending) and their multiplicities. A tensor is given by its blocks [left charge,
local state], one after the other, each (left multiplicity, right multiplicity) in row-major order. A two-site operator
is given by its elements, in compressed-row form over the initial pair of local states (p, p'): its elements begin at
`first[p·d' + p']`, and each has two final states and a value.
"""

from __future__ import annotations

import numpy as np

from pysv.compute.compiler import FAST, compiled
from pysv.mps.spaces import heaviest


@compiled(**FAST)
def find(charges, charge):
    """Index of a charge in an ascending list, −1 if it is absent."""
    low, high = 0, charges.size
    while low < high:
        middle = (low + high) // 2
        if charges[middle] < charge:
            low = middle + 1
        else:
            high = middle
    return low if low < charges.size and charges[low] == charge else -1


@compiled(**FAST)
def blocks(left, left_size, right, right_size, local):
    """For each block [left charge, local state], right charge (−1: none) and offset; and the size of the tensor."""
    place = np.full((left.size, local.size), -1, np.int64)
    offset = np.zeros((left.size, local.size), np.int64)
    size = 0
    for a in range(left.size):
        for p in range(local.size):
            place[a, p] = find(right, left[a] + local[p])
            offset[a, p] = size
            if place[a, p] >= 0:
                size += left_size[a] * right_size[place[a, p]]
    return place, offset, size


@compiled(**FAST)
def centre_charges(left, local_left, right, local_right):
    """Charges, ascending, that the bond between two sites can carry for given outer legs."""
    found = np.empty(left.size * local_left.size, np.int64)
    count = 0
    for a in range(left.size):
        for p in range(local_left.size):
            charge = left[a] + local_left[p]
            for q in range(local_right.size):
                if find(right, charge + local_right[q]) >= 0:
                    found[count] = charge
                    count += 1
                    break
    return np.unique(found[:count])


@compiled(**FAST)
def row_places(left, left_size, local, centre):
    """For each (left charge, local state), index in `centre` (−1: none) and first row; number of rows of each block."""
    place = np.full((left.size, local.size), -1, np.int64)
    row = np.zeros((left.size, local.size), np.int64)
    rows = np.zeros(centre.size, np.int64)
    for a in range(left.size):
        for p in range(local.size):
            k = find(centre, left[a] + local[p])
            place[a, p] = k
            if k >= 0:
                row[a, p] = rows[k]
                rows[k] += left_size[a]
    return place, row, rows


@compiled(**FAST)
def column_places(right, right_size, local, centre):
    """For each (centre charge, local state), right charge (−1: none) and first column; number of columns."""
    place = np.full((centre.size, local.size), -1, np.int64)
    column = np.zeros((centre.size, local.size), np.int64)
    columns = np.zeros(centre.size, np.int64)
    for k in range(centre.size):
        for p in range(local.size):
            b = find(right, centre[k] + local[p])
            place[k, p] = b
            if b >= 0:
                column[k, p] = columns[k]
                columns[k] += right_size[b]
    return place, column, columns


@compiled(**FAST)
def stacked(tensor, offset, place, left_size, width, row, rows, k):
    """Rows (left charge, local state) of a left tensor that end in centre charge k, as a matrix (rows, width)."""
    matrix = np.empty((rows, width), np.complex128)
    for a in range(place.shape[0]):
        for p in range(place.shape[1]):
            if place[a, p] == k:
                size = left_size[a] * width
                begin = offset[a, p]
                first = row[a, p] * width
                matrix.ravel()[first : first + size] = tensor[begin : begin + size]
    return matrix


@compiled(**FAST)
def side_by_side(tensor, offset, place, right_size, height, column, columns, k):
    """Columns (local state, right charge) of a right tensor that begin in centre charge k, as (height, columns)."""
    matrix = np.empty((height, columns), np.complex128)
    for p in range(place.shape[1]):
        b = place[k, p]
        if b >= 0:
            width = right_size[b]
            matrix[:, column[k, p] : column[k, p] + width] = tensor[
                offset[k, p] : offset[k, p] + height * width
            ].reshape(height, width)
    return matrix


@compiled(**FAST)
def two_sites(
    one, other, left, left_size, local_left, centre, centre_size, local_right, right, right_size, wide, first,
    final_left, final_right, value,
):  # fmt: skip
    """Two-site operator times the product of the two tensors, in blocks of the centre charges `wide`.

    Returns the blocks one after the other, each (rows, columns) in row-major order, their offsets, rows and columns.
    """
    place_one, offset_one, _ = blocks(left, left_size, centre, centre_size, local_left)
    place_other, offset_other, _ = blocks(centre, centre_size, right, right_size, local_right)
    _, row_old, rows_old = row_places(left, left_size, local_left, centre)
    _, column_old, columns_old = column_places(right, right_size, local_right, centre)
    place_row, row, rows = row_places(left, left_size, local_left, wide)
    _, column, columns = column_places(right, right_size, local_right, wide)
    start = np.zeros(wide.size + 1, np.int64)
    for k in range(wide.size):
        start[k + 1] = start[k] + rows[k] * columns[k]
    theta = np.zeros(start[-1], np.complex128)
    d = local_right.size
    for k in range(centre.size):
        if rows_old[k] == 0 or columns_old[k] == 0:
            continue
        product = np.dot(
            stacked(one, offset_one, place_one, left_size, centre_size[k], row_old, rows_old[k], k),
            side_by_side(other, offset_other, place_other, right_size, centre_size[k], column_old, columns_old[k], k),
        )
        for a in range(left.size):
            for p in range(local_left.size):
                if place_one[a, p] != k:
                    continue
                for q in range(d):
                    b = place_other[k, q]
                    if b < 0:
                        continue
                    height, width = left_size[a], right_size[b]
                    r, c = row_old[a, p], column_old[k, q]
                    for e in range(first[p * d + q], first[p * d + q + 1]):
                        into = place_row[a, final_left[e]]
                        begin = start[into] + row[a, final_left[e]] * columns[into] + column[into, final_right[e]]
                        factor = value[e]
                        for i in range(height):
                            target = theta[begin + i * columns[into] : begin + i * columns[into] + width]
                            source = product[r + i, c : c + width]
                            for j in range(width):
                                target[j] += factor * source[j]
    return theta, start, rows, columns


@compiled(**FAST)
def row_weights(schmidt, left_size, place_row, row, rows, k):
    """Schmidt value of the left leg for each row of θ of centre charge k."""
    found = np.empty(rows, np.float64)
    begin = 0
    for a in range(place_row.shape[0]):
        for p in range(place_row.shape[1]):
            if place_row[a, p] == k:
                found[row[a, p] : row[a, p] + left_size[a]] = schmidt[begin : begin + left_size[a]]
        begin += left_size[a]
    return found


@compiled(**FAST)
def old_directions(other, centre, centre_size, local_right, right, right_size, wide, columns):
    """For each charge of `wide`, the rows of the right tensor that begin in it, as a matrix (rows, columns)."""
    place, offset, _ = blocks(centre, centre_size, right, right_size, local_right)
    _, column, count = column_places(right, right_size, local_right, centre)
    found = []
    for k in range(wide.size):
        old = find(centre, wide[k])
        if old >= 0 and count[old] == columns[k]:
            found.append(side_by_side(other, offset, place, right_size, centre_size[old], column, columns[k], old))
        else:
            found.append(np.empty((0, columns[k]), np.complex128))
    return found


@compiled(**FAST)
def _place_rows(target, offset, place, left_size, source, row, size, n, scale):
    """Write rows (left charge, local state) of a matrix into the blocks of a left tensor that end in charge n."""
    for a in range(place.shape[0]):
        for p in range(place.shape[1]):
            if place[a, p] == n:
                block = target[offset[a, p] : offset[a, p] + left_size[a] * size]
                rows = source[row[a, p] : row[a, p] + left_size[a]].ravel()
                for i in range(block.size):
                    block[i] = scale * rows[i]


@compiled(**FAST)
def _place_columns(target, offset, place, right_size, directions, column, n):
    """Write the adjoint of `directions` into the blocks of a right tensor that begin in charge n."""
    size = directions.shape[1]
    for p in range(place.shape[1]):
        b = place[n, p]
        if b >= 0:
            width = right_size[b]
            block = target[offset[n, p] : offset[n, p] + size * width]
            for i in range(size):
                for j in range(width):
                    block[i * width + j] = np.conj(directions[column[n, p] + j, i])


@compiled(**FAST)
def update(
    one, other, left, left_size, schmidt, local_left, centre, centre_size, local_right, right, right_size, first,
    final_left, final_right, value, least, most, allowed, floor,
):  # fmt: skip
    """Apply a gate to two neighbouring right-canonical tensors and truncate the bond between them (see `Truncation`).

    The right tensor becomes a basis of the dominant row space of λ·θ with θ = gate·one·other (see `pysv.mps.spaces`).
    The left tensor becomes θ times the adjoint of the right one. No Schmidt value occurs in a denominator
    (M. B. Hastings, J. Math. Phys. 50, 095207 (2009)).

    Returns the new left and right tensors, charges and multiplicities of the bond, Schmidt values, the discarded weight
    relative to the weight before, and whether `most` forced more than `allowed` to be discarded.
    """
    wide = centre_charges(left, local_left, right, local_right)
    theta, start, rows, columns = two_sites(
        one, other, left, left_size, local_left, centre, centre_size, local_right, right, right_size, wide, first,
        final_left, final_right, value,
    )  # fmt: skip
    place_row, row, _ = row_places(left, left_size, local_left, wide)
    thetas = [theta[start[k] : start[k + 1]].reshape(rows[k], columns[k]) for k in range(wide.size)]
    schmidts = [row_weights(schmidt, left_size, place_row, row, rows[k], k) for k in range(wide.size)]
    guesses = old_directions(other, centre, centre_size, local_right, right, right_size, wide, columns)
    full = centre_size.sum() >= most
    spaces, sizes, total, whole, limited = heaviest(thetas, schmidts, guesses, full, least, most, allowed, floor)

    occupied = np.flatnonzero(sizes)
    new_centre, new_size = wide[occupied], sizes[occupied]
    place_one, offset_one, size_one = blocks(left, left_size, new_centre, new_size, local_left)
    place_right, offset_right, size_other = blocks(new_centre, new_size, right, right_size, local_right)
    _, column, _ = column_places(right, right_size, local_right, new_centre)
    new_one, new_other = np.empty(size_one, np.complex128), np.empty(size_other, np.complex128)
    new_schmidt = np.empty(new_size.sum(), np.float64)
    filled = 0
    for n in range(occupied.size):
        k, size = occupied[n], new_size[n]
        basis, image, weights, mixing, _ = spaces[k]
        directions = np.ascontiguousarray(mixing[:, weights.size - size :])
        turned = np.dot(image.T, directions)
        if basis.shape[1] > 0:
            directions = np.dot(basis, directions)
        for i in range(size):
            new_schmidt[filled + i] = np.sqrt(max(weights[weights.size - size + i], 0.0) / total)
        filled += size
        _place_rows(new_one, offset_one, place_one, left_size, turned, row, size, n, 1 / np.sqrt(total))
        _place_columns(new_other, offset_right, place_right, right_size, directions, column, n)
    return new_one, new_other, new_centre, new_size, new_schmidt, max(0.0, 1 - total / whole), limited


@compiled(**FAST)
def expectation(
    one, other, left, left_size, schmidt, local_left, centre, centre_size, local_right, right, right_size, first,
    final_left, final_right, value,
):  # fmt: skip
    """⟨θ|O|θ⟩ of a Hermitian operator on two neighbouring sites."""
    wide = centre_charges(left, local_left, right, local_right)
    pairs = local_left.size * local_right.size
    every = np.arange(pairs + 1)
    plain, start, _, columns = two_sites(
        one, other, left, left_size, local_left, centre, centre_size, local_right, right, right_size, wide, every,
        every[:pairs] // local_right.size, every[:pairs] % local_right.size, np.ones(pairs, np.complex128),
    )  # fmt: skip
    applied, _, _, _ = two_sites(
        one, other, left, left_size, local_left, centre, centre_size, local_right, right, right_size, wide, first,
        final_left, final_right, value,
    )  # fmt: skip
    place, row, _ = row_places(left, left_size, local_left, wide)
    begin = np.zeros(left.size + 1, np.int64)
    for a in range(left.size):
        begin[a + 1] = begin[a] + left_size[a]
    total = 0.0
    for a in range(left.size):
        for p in range(local_left.size):
            k = place[a, p]
            if k < 0:
                continue
            for i in range(left_size[a]):
                weight = schmidt[begin[a] + i] ** 2
                here = start[k] + (row[a, p] + i) * columns[k]
                for j in range(here, here + columns[k]):
                    total += weight * (plain[j].real * applied[j].real + plain[j].imag * applied[j].imag)
    return total


@compiled(**FAST)
def occupations(tensor, left, left_size, schmidt, local, right, right_size):
    """Probability of each local state of a site, float64 (d,)."""
    place, offset, _ = blocks(left, left_size, right, right_size, local)
    found = np.zeros(local.size)
    begin = 0
    for a in range(left.size):
        for p in range(local.size):
            if place[a, p] < 0:
                continue
            width = right_size[place[a, p]]
            for i in range(left_size[a]):
                weight = schmidt[begin + i] ** 2
                for j in range(width):
                    element = tensor[offset[a, p] + i * width + j]
                    found[p] += weight * (element.real**2 + element.imag**2)
        begin += left_size[a]
    return found
