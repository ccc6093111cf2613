"""Schmidt states of several electrons and localized spins in other orders of the sites than along the chain.

    python benchmarks/orders.py [--electrons 2] [--sites 80] [--magnets 37 38 43 44] [--confined 4] [--at 30 40]

Two electrons are exact, in all orders. Any other number is a matrix-product state, in the orders `chain` and `folded`.
For each order: the largest number of states on a bond that leave less than 1e-4, 1e-6 and 1e-8 of the weight behind,
and the sum of its cube over the bonds. Gates between sites that the order has separated are not counted.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
import tenpy.linalg.np_conserved as npc

import pysv
from pysv.engines.fock import Fock
from pysv.mps.backend import Truncation
from pysv.mps.chain import Chain
from pysv.mps.gates import BlockEvolution
from pysv.mps.ground import ground_state
from pysv.mps.state import MatrixProductState
from pysv.mps.tenpy import tenpy_dmrg
from pysv.mps.trotter import schedule
from pysv.pairs.basis import BOTH_DOWN, BOTH_UP, KINDS, OPPOSITE
from pysv.pairs.hamiltonian import PairHamiltonian
from pysv.pairs.state import PairState
from pysv.units import HBAR

LEFT_OUT = (1e-4, 1e-6, 1e-8)
STEP = 0.2
"""δt, ħ/γ."""
LIGHT = 1e-9
"""Weight left out of every bond of a matrix-product state before it is folded."""
Part = tuple[np.ndarray, np.ndarray, np.ndarray]
"""One side of a cut: whether it holds the ↑ mode of each site, the ↓ mode, and each localized spin."""


def pair_spectrum(hamiltonian: PairHamiltonian, psi: np.ndarray, part: Part) -> np.ndarray:
    """Squared Schmidt values of two electrons and the localized spins in one sector of S^z, descending.

    Parts of the state with 0, 1 and 2 electrons on one side do not interfere. The creation operators of `part` stand in
    front: with ↓ in the part and ↑ outside, the amplitude changes sign.
    """
    *modes, held = part
    basis = hamiltonian.basis
    sides = [np.flatnonzero(held).tolist(), np.flatnonzero(~held).tolist()]
    inner, outer = (basis.spins.restricted(basis.configuration, own) for own in sides)
    spectrum = []
    for same, other, own, taken in ((inner, outer, sides[1], modes), (outer, inner, sides[0], [~m for m in modes])):
        square = np.zeros((basis.spins.chosen(own).size,) * 2, dtype=complex)
        for kind in KINDS:  # both electrons on one side
            here = basis.of_kind(kind)
            first, second = taken[kind == BOTH_DOWN], taken[kind != BOTH_UP]
            for shared in np.unique(same[here]):
                rows = here.start + np.flatnonzero(same[here] == shared)
                phi = psi[rows][:, first][:, :, second].reshape(rows.size, -1)
                square[np.ix_(other[rows], other[rows])] += phi.conj() @ phi.T
        spectrum.append(np.linalg.eigvalsh(square))
    inside, outside = ([np.flatnonzero(m == on) for m in modes] for on in (True, False))
    sizes = [
        [basis.spins.chosen(own).size, *map(len, places)] for own, places in zip(sides, (inside, outside), strict=True)
    ]
    single = [np.zeros((sizes[0][0], sizes[0][1 + s], sizes[1][0], sizes[1][1 + t]), complex) for s, t in PAIRS]
    for row, kind in enumerate(basis.kind):
        at = inner[row], slice(None), outer[row]
        if kind == OPPOSITE:
            single[1][at] += psi[row][np.ix_(inside[0], outside[1])]
            single[2][at] -= psi[row][np.ix_(outside[0], inside[1])].T
        else:
            spin = int(kind == BOTH_DOWN)
            single[3 * spin][at] += np.sqrt(2) * psi[row][np.ix_(inside[spin], outside[spin])]
    flat = [b.reshape(b.shape[0] * b.shape[1], b.shape[2] * b.shape[3]) for b in single]
    matrix = np.block([flat[:2], flat[2:]])
    spins = basis.spins.chosen(sides[0])  # rows of different down counts on this side do not interfere
    downs = np.concatenate([np.repeat(spins.down(np.arange(spins.size)) + s, sizes[0][1 + s]) for s in (0, 1)])
    for count in np.unique(downs):
        block = matrix[downs == count]
        block = block[:, np.any(block != 0, axis=0)]
        small = block if block.shape[0] <= block.shape[1] else block.T
        spectrum.append(np.linalg.eigvalsh(small @ small.conj().T))
    return np.sort(np.maximum(np.concatenate(spectrum), 0))[::-1]


PAIRS = ((0, 0), (0, 1), (1, 0), (1, 1))
"""Spins of the electrons in the part and outside."""


def folded(device: pysv.SpinValve) -> list[int]:
    """Sites in the order of their distance from the middle of the magnets."""
    middle = (device.spin_sites[0] + device.spin_sites[-1]) / 2
    return sorted(range(1, device.sites + 1), key=lambda site: (abs(site - middle), site))


def orders(device: pysv.SpinValve) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    """Names of the orders, and what stands one after another: the modes ↑ and ↓ of a site, or a spin, by its site."""
    along, around, places = range(1, device.sites + 1), folded(device), device.spin_sites
    spins, middle = [("spin", site) for site in places], len(along) // 2

    def electrons(sites: Iterable[int], held: bool = False) -> list[tuple[str, int]]:
        return [(kind, site) for site in sites for kind in ("both", *["spin"] * (held and site in places))]

    yield "chain", electrons(along, held=True)
    yield "folded", electrons(around, held=True)
    yield "magnets first", spins + electrons(along)
    yield "magnets last", electrons(along) + spins
    yield "magnets in the middle", electrons(along[:middle]) + spins + electrons(along[middle:])
    yield "magnets first, folded", spins + electrons(around)
    yield "up, magnets, down, folded", [("up", x) for x in around[::-1]] + spins + [("down", x) for x in around]


def parts(device: pysv.SpinValve, order: list[tuple[str, int]]) -> Iterator[Part]:
    """What lies before each bond of an order; a site and the spin on it, where they are neighbours, are not divided."""
    up, down, held = np.zeros(device.sites, bool), np.zeros(device.sites, bool), np.zeros(device.n_spins, bool)
    for (kind, site), following in pairwise(order):
        up[site - 1] |= kind in ("up", "both")
        down[site - 1] |= kind in ("down", "both")
        if kind == "spin":
            held[device.spin_sites.index(site)] = True
        if (kind, *following) != ("both", "spin", site):
            yield up.copy(), down.copy(), held.copy()


def chain_spectra(state: MatrixProductState) -> list[np.ndarray]:
    """Squared Schmidt values of the bonds, descending."""
    return [np.sort(leg.schmidt**2)[::-1] for leg in state.legs[1:-1]]


def folded_spectra(state: MatrixProductState, sequence: list[int], light: float = LIGHT) -> list[np.ndarray]:
    """Squared Schmidt values of growing intervals, which are the cuts of the folded order, descending.

    An interval of the chain holds a definite parity between each pair of states of its two sides, so that no fermion
    sign remains. θ has the left side, the interval and the right side as legs; the interval's own states are the
    eigenvectors of its density matrix, those of a smaller weight than `light` in sum are dropped at every site.
    """
    info, begin, legs, masks = npc.ChargeInfo([1, 1], ["N", "2Sz"]), sequence[0], [], []
    for leg in state.legs:
        electrons = np.round(leg.charges / (1 << 20)).astype(int)
        flat = np.stack([electrons, leg.charges - (electrons << 20)], axis=1)
        legs.append(npc.LegCharge.from_qflat(info, np.repeat(flat, leg.sizes, axis=0)).bunch()[1])
        masks.append(_heavy(leg.schmidt**2, light))
    tensors = []
    for site, space in enumerate(state.spaces):
        own = [legs[site], npc.LegCharge.from_qflat(info, space.charges), legs[site + 1].conj()]
        tensor = npc.Array.from_ndarray(state.dense(site), own, labels=["l", "p", "r"])
        tensor.iproject(masks[site : site + 2], ["l", "r"])
        if site < begin:  # from right- to left-canonical
            one, two = (state.legs[n].schmidt[masks[n]] for n in (site, site + 1))
            tensor = tensor.scale_axis(one, "l").scale_axis(1 / two, "r")
        tensors.append(tensor)
    theta = npc.diag(state.legs[begin].schmidt[masks[begin]], tensors[begin].get_leg("l"), labels=["l", "r"])
    theta, found = theta.add_leg(npc.LegCharge.from_trivial(1, info), 0, axis=1, label="in"), []
    for site in sequence[:-1]:
        pair = (tensors[site - 1], theta) if site <= begin else (theta, tensors[site - 1])
        theta = npc.tensordot(*pair, axes=["r", "l"]).transpose(["l", "p", "in", "r"])
        theta = theta.combine_legs(["p", "in"], qconj=[+1]).iset_leg_labels(["l", "in", "r"])
        weights, vectors = npc.eigh(npc.tensordot(theta, theta.conj(), axes=[["l", "r"], ["l*", "r*"]]))
        vectors.iproject(_heavy(weights, light), 1)
        theta = npc.tensordot(theta, vectors.conj().iset_leg_labels(["in*", "in"]), axes=["in", "in*"])
        theta = theta.transpose(["l", "in", "r"])
        found.append(np.sort(np.maximum(weights, 0))[::-1])
    return found


def _heavy(weights: np.ndarray, light: float) -> np.ndarray:
    """Whether each weight is kept when the smallest are dropped, whose sum is at most `light`."""
    order = np.argsort(weights)
    kept = np.empty(weights.size, bool)
    kept[order] = np.cumsum(weights[order]) > light
    return kept


def states(spectrum: np.ndarray, left_out: float) -> int:
    """Fewest states that leave at most this weight behind."""
    return max(1, int((np.cumsum(spectrum[::-1]) > left_out).sum()))


def show(time: float, name: str, spectra: Iterable[np.ndarray]) -> None:
    """One line: the largest bond, and the sum of cubes."""
    counts = np.array([[states(spectrum, weight) for weight in LEFT_OUT] for spectrum in spectra], dtype=float)
    largest = " ".join(f"{most:>5.0f}" for most in counts.max(axis=0))
    print(f"{time:>5g}  {name:<26}{largest}   " + "  ".join(f"{cost:.1e}" for cost in (counts**3).sum(axis=0)))


def main() -> None:
    """Evolve and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--electrons", type=int, default=2)
    parser.add_argument("--sites", type=int, default=80)
    parser.add_argument("--magnets", type=int, nargs=4, default=[37, 38, 43, 44], help="first and last site of both")
    parser.add_argument("--confined", type=int, default=4, help="sites of the well")
    parser.add_argument("--at", type=float, nargs="+", default=[20.0, 30.0, 40.0, 50.0], help="times, ħ/γ")
    parser.add_argument("--max-bond", type=int, default=1200)
    parser.add_argument("--discarded-weight", type=float, default=1e-8)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    one, two, three, four = options.magnets
    device = pysv.SpinValve(sites=options.sites, polarizer=(one, two), analyzer=(three, four))
    source = pysv.ConfinedElectrons(electrons=options.electrons, confined_sites=options.confined)
    print("ħ/γ    order                      largest bond: 1e-4, 1e-6, 1e-8   sum of cubes")
    if options.electrons == 2:
        experiment = pysv.Experiment(device=device, source=source, times=pysv.times(stop=100 * HBAR, step=HBAR))
        engine = Fock().begin(experiment, "python")
        for time in options.at:
            engine.advance(time * HBAR)
            pair = engine.snapshot().state
            assert isinstance(pair, PairState)
            for name, order in orders(device):
                show(time, name, (pair_spectrum(pair.hamiltonian, pair.psi, part) for part in parts(device, order)))
        return
    chain, now = Chain.of_device(device), 0.0
    evolution = BlockEvolution(chain, Truncation(1, options.max_bond, options.discarded_weight))
    state, _ = ground_state(device, source, 200, tenpy_dmrg)
    for time in options.at:
        evolution.apply(state, schedule((time - now) * HBAR, max(1, round((time - now) / STEP)), 2))
        show(time, "chain", chain_spectra(state))
        show(time, "folded", folded_spectra(state, folded(device)))
        now = time


if __name__ == "__main__":
    main()
