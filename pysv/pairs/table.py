"""The numbers that the kernels of two electrons walk through."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pysv.experiment.device import ChainDevice
from pysv.model.couplings import Couplings, Holder
from pysv.pairs.basis import BOTH_DOWN, BOTH_UP, OPPOSITE, PairBasis

KERNELS = Holder("the kernels of two electrons", "use engine 'tdmrg', which holds terms of neighbouring sites")


class PairTable(NamedTuple):
    """H of two electrons; energies in eV.

    Parameters
    ----------
    kind : int8 ndarray (rows,)
        See `PairBasis`.
    diagonal : float64 ndarray (rows,)
        What is diagonal in the localized spins.
    exchange_first, exchange : int64 ndarray (rows + 1,), int64 ndarray (entries,)
        Rows that exchange of two spins makes of row r: ``exchange[exchange_first[r]:exchange_first[r + 1]]``.
    exchange_weight : float or float64 ndarray (entries,)
        Matrix elements between them, or the one that all share.
    energy_one, energy_two : float64 ndarray (rows, sites), (rows, width)
        Energy of the electron at x, and of the one at y, on each site: potential and longitudinal sd exchange. The
        width is that of the state's reals, see `pysv.pairs.kernels`.
    hopping : float or float64 ndarray (width of sites − 1,)
        γ of the bonds, or the one that all share.
    columns : int64 ndarray (spins,)
        Sites of the localized spins, from 0.
    partner_one, partner_two : int32 ndarray (rows, spins)
        Row in which the electron at x, or the one at y, has traded a unit of spin with each localized spin; −1: none.
    trade_one, trade_two : float or float64 ndarray (rows, spins)
        Matrix elements between them, or the one that all share: −2 J_sd for spins 1/2.
    """

    kind: np.ndarray
    diagonal: np.ndarray
    exchange_first: np.ndarray
    exchange: np.ndarray
    exchange_weight: float | np.ndarray
    energy_one: np.ndarray
    energy_two: np.ndarray
    hopping: float | np.ndarray
    columns: np.ndarray
    partner_one: np.ndarray
    partner_two: np.ndarray
    trade_one: float | np.ndarray
    trade_two: float | np.ndarray

    @classmethod
    def of(cls, h: Couplings, device: ChainDevice, basis: PairBasis) -> PairTable:
        """The table of H on a basis.

        Parameters
        ----------
        h : Couplings
        device : ChainDevice
        basis : PairBasis

        Raises
        ------
        NotReadyError
            If H has a term that the kernels cannot hold; says which.
        """
        n, sites = device.n_spins, range(1, device.sites + 1)
        check_held(h, device)
        moments = basis.spins.moments(basis.configuration)
        sd = np.array([h.sd.get((site, number), 0.0) for number, site in enumerate(device.spin_sites, start=1)])
        columns = np.array(device.spin_sites, dtype=np.int64) - 1
        aligned = np.zeros((basis.rows, device.sites))
        aligned[:, columns] = sd * moments
        potential = np.array([h.potential.get(x, 0.0) for x in sites])
        # The electron at x is ↓ in ↓↓ only, the one at y is ↑ in ↑↑ only.
        one, two = (np.where(down, 1, -1)[:, None] for down in (basis.kind == BOTH_DOWN, basis.kind != BOTH_UP))
        first, exchange, weight = _exchanges(h, basis)
        partners, trades = _trades(basis, sd)
        hopping = np.array([h.hopping.get((x, x + 1), 0.0) for x in sites[:-1]])
        common = basis.spins.halves and (sd == sd[0]).all()
        return cls(
            kind=basis.kind,
            diagonal=h.energies(moments, range(1, n + 1)),
            exchange_first=first,
            exchange=exchange,
            exchange_weight=_shared(weight),
            energy_one=potential + one * aligned,
            energy_two=potential + two * aligned,
            hopping=_shared(hopping),
            columns=columns,
            partner_one=partners[0],
            partner_two=partners[1],
            trade_one=float(-2 * sd[0]) if common else trades[0],
            trade_two=float(-2 * sd[0]) if common else trades[1],
        )

    def interleaved(self) -> PairTable:
        """For complex states, whose real and imaginary parts are interleaved: each number along y stands twice."""
        hopping = np.repeat(self.hopping, 2) if isinstance(self.hopping, np.ndarray) else self.hopping
        return self._replace(energy_two=np.repeat(self.energy_two, 2, axis=1), hopping=hopping)


def check_held(h: Couplings, device: ChainDevice) -> None:
    """See that the kernels can hold H, which may couple any localized spins.

    Raises
    ------
    NotReadyError
        If they cannot; says what is in the way.
    """
    KERNELS.check_held(h, device, (range(1, device.n_spins + 1),))


def _shared(values: np.ndarray) -> float | np.ndarray:
    """The one number that all entries share, which saves the kernels their loads; otherwise all of them."""
    found = np.unique(values)
    return values if found.size > 1 else float(found[0]) if found.size else 0.0


def _exchanges(h: Couplings, basis: PairBasis) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows reached by an exchange of two spins: where those of each row begin, which they are, matrix elements."""
    spins, configuration = basis.spins, basis.configuration
    rows, targets, weights = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0)]
    for (i, j), coupling in sorted(h.transverse.items()):
        for raised, lowered in ((i - 1, j - 1), (j - 1, i - 1)) if coupling else ():
            up, down = _raising(basis, raised), _lowering(basis, lowered)
            can = np.flatnonzero(up * down)
            target = configuration[can] - spins.place(raised) + spins.place(lowered)
            rows.append(can)
            targets.append(_rows_of(basis, basis.kind[can], target))
            weights.append(-2 * coupling * up[can] * down[can])
    row, target, weight = np.concatenate(rows), np.concatenate(targets), np.concatenate(weights)
    first = np.concatenate(([0], np.cumsum(np.bincount(row, minlength=basis.rows)))).astype(np.int64)
    order = np.argsort(row, kind="stable")
    return first, target[order], weight[order]


def _trades(basis: PairBasis, sd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Partner rows and matrix elements −2 J_sd (σ⁺S⁻ + σ⁻S⁺), each (2, rows, spins): electron at x, electron at y.

    The electron at x is ↑ in ↑↓ and goes to ↓↓ when it raises a localized spin; the one at y is ↓ there and goes to ↑↑
    when it lowers one.
    """
    partners = np.full((2, basis.rows, sd.size), -1, dtype=np.int32)
    elements = np.zeros((2, basis.rows, sd.size))
    for spin, coupling in enumerate(sd):
        up, down, place = _raising(basis, spin), _lowering(basis, spin), basis.spins.place(spin)
        for which, same in ((0, BOTH_DOWN), (1, BOTH_UP)):
            for before, after in ((OPPOSITE, same), (same, OPPOSITE)):
                ladder, step = (up, -place) if after > before else (down, place)
                rows = np.flatnonzero((basis.kind == before) & (ladder > 0))
                partners[which, rows, spin] = basis.rows_of(after, basis.configuration[rows] + step)
                elements[which, rows, spin] = -2 * coupling * ladder[rows]
    return partners, elements


def _raising(basis: PairBasis, spin: int) -> np.ndarray:
    """What S⁺ of a spin gives in each row, √(S(S+1) − m(m+1)) = √(k (2S − k + 1)) with k = S − m."""
    digit = basis.spins.digit(basis.configuration, spin)
    return np.asarray(np.sqrt(digit * (basis.spins.levels[spin] - digit)))


def _lowering(basis: PairBasis, spin: int) -> np.ndarray:
    """What S⁻ of a spin gives in each row, √(S(S+1) − m(m−1)) = √((k + 1)(2S − k))."""
    digit = basis.spins.digit(basis.configuration, spin)
    return np.asarray(np.sqrt((digit + 1) * (basis.spins.levels[spin] - 1 - digit)))


def _rows_of(basis: PairBasis, kinds: np.ndarray, configuration: np.ndarray) -> np.ndarray:
    """Rows of given states, which must lie in the basis, int64 (n,)."""
    found = np.zeros(configuration.shape, dtype=np.int64)
    for kind in np.unique(kinds):
        found[kinds == kind] = basis.rows_of(int(kind), configuration[kinds == kind])
    return found
