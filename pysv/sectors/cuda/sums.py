"""Kernels for sums over a state and for what is done amplitude by amplitude.

States are those of `pysv.sectors.cuda.layout`. In a sum each thread adds up one chunk of `size` rows on one site, in
double precision and in a fixed order; the host adds up the chunks.
"""

from __future__ import annotations

from numba import cuda


@cuda.jit
def erase(memory):
    """Zeros in a flat array."""
    for n in range(cuda.grid(1), memory.size, cuda.gridsize(1)):
        memory[n] = 0


@cuda.jit
def product(one, other, first, size, sums):
    """Scalar product of two states as reals, from tile `first` on: sums (chunks, places of the tiles)."""
    line = one.shape[2] // 2
    x, t = cuda.threadIdx.x, cuda.blockIdx.y
    chunk = cuda.blockIdx.x * cuda.blockDim.y + cuda.threadIdx.y
    if chunk >= sums.shape[0]:
        return
    p, q = one[first + t], other[first + t]
    found = 0.0
    for r in range(chunk * size, min(one.shape[1], (chunk + 1) * size)):
        found += p[r, x] * q[r, x] + p[r, x + line] * q[r, x + line]
    sums[chunk, t * line + x] = found


@cuda.jit
def densities(psi, electron, size, sums):
    """Σ |ψ|² of each site for either electron spin: sums (chunks, 2, places)."""
    line = psi.shape[2] // 2
    x, t = cuda.threadIdx.x, cuda.blockIdx.y
    chunk = cuda.blockIdx.x * cuda.blockDim.y + cuda.threadIdx.y
    if chunk >= sums.shape[0]:
        return
    here = psi[t]
    up, down = 0.0, 0.0
    for r in range(chunk * size, min(psi.shape[1], (chunk + 1) * size)):
        square = here[r, x] * here[r, x] + here[r, x + line] * here[r, x + line]
        if electron[r] == 0:
            up += square
        else:
            down += square
    sums[chunk, 0, t * line + x] = up
    sums[chunk, 1, t * line + x] = down


@cuda.jit
def row_weights(psi, sums):
    """Σ |ψ|² of each row, one thread each: sums (rows,)."""
    r = cuda.grid(1)
    if r >= psi.shape[1]:
        return
    found = 0.0
    for t in range(psi.shape[0]):
        here = psi[t]
        for j in range(psi.shape[2]):
            found += here[r, j] * here[r, j]
    sums[r] = found


@cuda.jit
def combine(psi, other, shift, scale):
    """psi ← scale·(psi − shift·other)."""
    line = psi.shape[2] // 2
    x, t, r = cuda.threadIdx.x, cuda.blockIdx.y, cuda.blockIdx.x * cuda.blockDim.y + cuda.threadIdx.y
    if r < psi.shape[1]:
        psi[t, r, x] = scale * (psi[t, r, x] - shift * other[t, r, x])
        psi[t, r, x + line] = scale * (psi[t, r, x + line] - shift * other[t, r, x + line])


@cuda.jit
def copy(source, target):
    """target ← source."""
    line = source.shape[2] // 2
    x, t, r = cuda.threadIdx.x, cuda.blockIdx.y, cuda.blockIdx.x * cuda.blockDim.y + cuda.threadIdx.y
    if r < source.shape[1]:
        target[t, r, x] = source[t, r, x]
        target[t, r, x + line] = source[t, r, x + line]


@cuda.jit
def clear_outside(psi, begin, end):
    """Zeros on the sites that are not begin … end − 1."""
    line = psi.shape[2] // 2
    x, t, r = cuda.threadIdx.x, cuda.blockIdx.y, cuda.blockIdx.x * cuda.blockDim.y + cuda.threadIdx.y
    if r < psi.shape[1] and (t * line + x < begin or t * line + x >= end):
        psi[t, r, x] = 0
        psi[t, r, x + line] = 0


@cuda.jit
def write_product(psi, amplitude, packet):
    """ψ[r, x] ← amplitude[r]·packet[x]; (2, rows) and (2, places) hold real and imaginary parts."""
    line = psi.shape[2] // 2
    x, t, r = cuda.threadIdx.x, cuda.blockIdx.y, cuda.blockIdx.x * cuda.blockDim.y + cuda.threadIdx.y
    if r < psi.shape[1]:
        a, b, c, d = amplitude[0, r], amplitude[1, r], packet[0, t * line + x], packet[1, t * line + x]
        psi[t, r, x] = a * c - b * d
        psi[t, r, x + line] = a * d + b * c


@cuda.jit
def scatter(part, psi, row, site):
    """Write rows from `row` on and sites from `site` on; part (rows, 2·sites) is the memory of complex numbers."""
    line = psi.shape[2] // 2
    x, t, n = cuda.threadIdx.x, cuda.blockIdx.y, cuda.blockIdx.x * cuda.blockDim.y + cuda.threadIdx.y
    column = t * line + x - site
    if n < part.shape[0] and column >= 0 and 2 * column < part.shape[1]:
        psi[t, row + n, x] = part[n, 2 * column]
        psi[t, row + n, x + line] = part[n, 2 * column + 1]


@cuda.jit
def gather(psi, part, row, site):
    """The reverse of `scatter`: fill `part`."""
    line = psi.shape[2] // 2
    x, t, n = cuda.threadIdx.x, cuda.blockIdx.y, cuda.blockIdx.x * cuda.blockDim.y + cuda.threadIdx.y
    column = t * line + x - site
    if n < part.shape[0] and column >= 0 and 2 * column < part.shape[1]:
        part[n, 2 * column] = psi[t, row + n, x]
        part[n, 2 * column + 1] = psi[t, row + n, x + line]
