"""Kernels of the recursion in H: each thread makes one amplitude of the next term.

States are those of `pysv.sectors.cuda.layout`, and the arguments from `chain` on those of
`pysv.sectors.cuda.table.RowTable`. With both groups of spins in one pass,

    (Hψ)[r, x] = −γ_{x−1} ψ[r, x−1] − γ_x ψ[r, x+1] + ε_x ψ[r, x] + Σ over the groups of spins:
                 diagonal[r] ψ[r, x] + Σ_r' weight[r, r'] ψ[r', x]
                 + Σ_i δ(x, x_i) (sd_diagonal[i, r] ψ[r, x] + sd_trade[i, r] ψ[partner, x])

A term reads ψ, and reads and writes the state that it overwrites; every second one reads and writes the sums, too: 64
bytes an amplitude in double precision, as long as the partners of a row are found in the cache. Only sites begin …
end − 1 are active: ψ counts as zero elsewhere, and nothing is written there.
"""

from __future__ import annotations

from numba import cuda


@cuda.jit(device=True)
def applied(
    psi, t, r, x, begin, end, chain, rows, home, diagonal, exchange_first, exchange, exchange_weight, weight_step,
    site_first, site_spin, partner, sd,
):  # fmt: skip
    """Real and imaginary part of (Hψ)[r, x], for the site number x of tile t."""
    line = psi.shape[2] // 2
    y = x + line
    here = psi[t]
    place = t * line + x
    own_re, own_im = here[r, x], here[r, y]
    re, im = chain[2, place] * own_re, chain[2, place] * own_im
    if place > begin:
        hop = chain[0, place]
        if x > 0:
            re += hop * here[r, x - 1]
            im += hop * here[r, y - 1]
        else:
            re += hop * psi[t - 1, r, line - 1]
            im += hop * psi[t - 1, r, 2 * line - 1]
    if place + 1 < end:
        hop = chain[1, place]
        if x + 1 < line:
            re += hop * here[r, x + 1]
            im += hop * here[r, y + 1]
        else:
            re += hop * psi[t + 1, r, 0]
            im += hop * psi[t + 1, r, line]
    for g in range(2):
        block, member = home[g, 0, r], home[g, 1, r]
        re += diagonal[member] * own_re
        im += diagonal[member] * own_im
        for k in range(exchange_first[member], exchange_first[member + 1]):
            other, weight = rows[g, block + exchange[k]], exchange_weight[k * weight_step]
            re += weight * here[other, x]
            im += weight * here[other, y]
    for n in range(site_first[place], site_first[place + 1]):
        g, spin = site_spin[n, 0], site_spin[n, 1]
        member = home[g, 1, r]
        other = rows[g, home[g, 0, r] + partner[spin, member]]
        kept, traded = sd[0, spin, member], sd[1, spin, member]
        re += kept * own_re + traded * here[other, x]
        im += kept * own_im + traded * here[other, y]
    return re, im


@cuda.jit
def step(
    psi, old, totals, mixes, number, outputs, begin, end, scale, shift, beta, chain, rows, home, diagonal,
    exchange_first, exchange, exchange_weight, weight_step, site_first, site_spin, partner, sd,
):  # fmt: skip
    """old ← scale·(H − shift)ψ − beta·old; then for every output to be added to, total ← keep·total + c·old + c'·ψ."""
    line = psi.shape[2] // 2
    x, r = cuda.threadIdx.x, cuda.blockIdx.x * cuda.blockDim.y + cuda.threadIdx.y
    t = begin // line + cuda.blockIdx.y
    place = t * line + x
    if r >= psi.shape[1] or place < begin or place >= end:
        return
    y = x + line
    own_re, own_im = psi[t, r, x], psi[t, r, y]
    re, im = applied(
        psi, t, r, x, begin, end, chain, rows, home, diagonal, exchange_first, exchange, exchange_weight, weight_step,
        site_first, site_spin, partner, sd,
    )  # fmt: skip
    re = scale * (re - shift * own_re) - beta * old[t, r, x]
    im = scale * (im - shift * own_im) - beta * old[t, r, y]
    old[t, r, x] = re
    old[t, r, y] = im
    for output in range(outputs):
        if mixes[number, output, 5] != 0:
            a, b, c, d = (
                mixes[number, output, 0], mixes[number, output, 1], mixes[number, output, 2], mixes[number, output, 3],
            )  # fmt: skip
            keep, total = mixes[number, output, 4], totals[output, t]
            total[r, x] = keep * total[r, x] + a * re - b * im + c * own_re - d * own_im
            total[r, y] = keep * total[r, y] + a * im + b * re + c * own_im + d * own_re


@cuda.jit
def energy(
    psi, size, sums, begin, end, chain, rows, home, diagonal, exchange_first, exchange, exchange_weight, weight_step,
    site_first, site_spin, partner, sd,
):  # fmt: skip
    """Re ψ*Hψ of each site, added up over each chunk of `size` rows: sums (chunks, places)."""
    line = psi.shape[2] // 2
    x, t = cuda.threadIdx.x, cuda.blockIdx.y
    chunk = cuda.blockIdx.x * cuda.blockDim.y + cuda.threadIdx.y
    if chunk >= sums.shape[0] or t * line + x >= end:
        return
    found = 0.0
    for r in range(chunk * size, min(psi.shape[1], (chunk + 1) * size)):
        re, im = applied(
            psi, t, r, x, begin, end, chain, rows, home, diagonal, exchange_first, exchange, exchange_weight,
            weight_step, site_first, site_spin, partner, sd,
        )  # fmt: skip
        found += re * psi[t, r, x] + im * psi[t, r, x + line]
    sums[chunk, t * line + x] = found
