"""What a term on a GPU would move, calculated: one cache that drops what was not used for longest. Needs no GPU.

    python benchmarks/gpu_traffic.py [--spins 8 10 11 12] [--cache 25]

The rows of one tile are walked in the order of the basis. Each reads and writes its line of the state before and of the
sum, and reads its line of ψ and those of its exchange partners. The rows in which the electron and a spin have traded,
on a tenth of the sites, are left out. The neighbours in the adjacent tiles are never in the cache: 32 bytes, the
smallest piece that is read, of either part of a line on either side.
"""

from __future__ import annotations

import argparse

import numba
import numpy as np

import pysv
from pysv.model.basis import Basis
from pysv.sectors.cuda.layout import LINE
from pysv.sectors.cuda.table import row_table
from pysv.sectors.hamiltonian import Hamiltonian

PIECE = 32
"""Bytes of the smallest piece that is read from the memory."""


@numba.njit
def _misses(room: int, rows: np.ndarray, home: np.ndarray, first: np.ndarray, exchange: np.ndarray) -> int:
    """Lines of ψ that are read from the memory, with a cache that has room for so many rows of a tile."""
    count = home.shape[2]
    # A ring from the oldest to the latest line that is held, of ψ, the state before or the sum; it begins at `start`.
    start = 3 * count
    later, earlier = np.full(start + 1, -1), np.full(start + 1, -1)
    later[start] = earlier[start] = start
    held = missed = 0
    wanted = np.empty(128, np.int64)
    for r in range(count):
        wanted[0], wanted[1], wanted[2] = count + r, 2 * count + r, r
        number = 3
        for group in range(2):
            block, member = home[group, 0, r], home[group, 1, r]
            for k in range(first[member], first[member + 1]):
                wanted[number] = rows[group, block + exchange[k]]
                number += 1
        for n in wanted[:number]:
            if later[n] >= 0:
                later[earlier[n]], earlier[later[n]] = later[n], earlier[n]
            else:
                missed += n < count
                held += 1
                if held > room:
                    oldest = later[start]
                    later[start], earlier[later[oldest]] = later[oldest], start
                    later[oldest] = -1
                    held -= 1
            latest = earlier[start]
            later[latest], earlier[n], later[n], earlier[start] = n, latest, start, n
    return missed


def main() -> None:
    """Print a line for each size."""
    parser = argparse.ArgumentParser(description="Traffic of a term on a GPU, calculated for a simple cache.")
    parser.add_argument("--spins", type=int, nargs="+", default=[8, 10, 11, 12], help="spins of a layer")
    parser.add_argument("--cache", type=float, default=25.0, help="MB (default: 25)")
    options = parser.parse_args()
    beside = 4 * PIECE / (2 * LINE)
    print(f"cache of {options.cache:g} MB, double precision; the neighbours in other tiles are {beside:.2f} reads more")
    print("spins        rows   partners   reads of psi   traffic over the least")
    for spins in options.spins:
        basis = Basis.of_sectors(2 * spins, (spins,))
        hamiltonian = Hamiltonian.of_device(pysv.SpinValve.with_layers(spins), basis)
        table = row_table(hamiltonian, np.float64, hamiltonian.layout.places)
        partners = np.diff(table.exchange_first)[table.home[:, 1]].sum() / basis.rows
        tables = table.rows, table.home, table.exchange_first, table.exchange
        reads = _misses(int(options.cache * 1e6 / (2 * LINE)), *tables) / basis.rows
        print(
            f"{spins}+{spins:<5} {basis.rows:>9} {partners:>10.1f} {reads:>14.2f} {(reads + beside + 3) / 4:>24.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
