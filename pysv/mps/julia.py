"""Matrix-product states in Julia, with ITensors.jl and ITensorMPS.jl: gates, two-site TDVP, DMRG.

States are copied to Julia and back as the arrays of a checkpoint. Measuring, saving and resuming are therefore the same
as for the Python backend. A call lasts one layer of gates or one sweep.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pysv.compute import thread_pool
from pysv.julia import session
from pysv.model.couplings import Holder
from pysv.mps.backend import (
    SMALLEST_WEIGHT,
    SWEEPS,
    Backend,
    Evolution,
    GroundState,
    TrotterEvolution,
    Truncation,
)
from pysv.mps.canonical import right_canonical
from pysv.mps.state import MatrixProductState
from pysv.units import HBAR

if TYPE_CHECKING:
    from pysv.mps.chain import Chain
    from pysv.mps.trotter import GateLayer

_NOISE = (1e-4, 1e-5, 1e-7, 1e-9)
"""Noise of the first DMRG sweeps, with which the search leaves its initial product state."""
_SETTLED = 1e-12
"""DMRG ends when a sweep changes the energy by less than this, eV."""


_OPERATORS = Holder("the Julia backend of 'tdmrg'", "use backend 'python'")


def chain_numbers(chain: Chain) -> tuple[np.ndarray, ...]:
    """The numbers of H from which Julia builds its own operators.

    Returns
    -------
    int64 ndarray (L_x,)
        Whether a localized spin sits on each site.
    int64 ndarray (L_x − 1,)
        Whether the localized spins of each pair of neighbours exchange.
    float64 ndarray (L_x,), float64 ndarray (L_x,)
        Energy of an electron and of σᶻ of the localized spin on each site, eV.
    float64 ndarray (4,)
        γ, J_sd, J and J_z with Pauli matrices for either kind of spin, eV.

    Raises
    ------
    NotReadyError
        If H has any other term; the sentence names it.
    """
    h, sites, who = chain.couplings, chain.sites, _OPERATORS
    site_of = {number: site for number, site in enumerate(chain.spin_sites, start=1) if site <= sites}
    pairs = {spins: value for spins, value in h.longitudinal.items() if len(spins) == 2}
    exchanged = {pair for pair in (h.transverse | pairs) if h.transverse.get(pair, 0.0) or pairs.get(pair, 0.0)}
    carries, bonds, potential, field = np.zeros(sites, np.int64), np.zeros(sites - 1, np.int64), *np.zeros((2, sites))
    carries[[site - 1 for site in site_of.values()]] = 1
    bonds[[min(site_of[one], site_of[other]) - 1 for one, other in exchanged]] = 1
    for site, value in h.potential.items():
        potential[site - 1] = value
    for spins, value in h.longitudinal.items():
        if len(spins) == 1:
            field[site_of[spins[0]] - 1] = -value
    who.none("coupling of spins", {spins: value for spins, value in h.longitudinal.items() if len(spins) > 2})
    who.none("product", h.others)
    numbers = (
        who.one("hopping between sites", h.hopping, {(x, x + 1) for x in range(1, sites)}),
        who.one("sd exchange at site and spin", h.sd, {(site, number) for number, site in site_of.items()}),
        who.one("transverse exchange of spins", h.transverse, exchanged),
        who.one("longitudinal exchange of spins", pairs, exchanged),
    )
    return carries, bonds, potential, field, np.array(numbers)


def julia_chain(chain: Chain) -> Any:
    """The chain in Julia; see `chain_numbers`."""
    numbers = chain_numbers(chain)
    session.start(tdmrg=True)
    return session.call("chain", chain.sites, *(int(array.ctypes.data) for array in numbers))


def to_julia(chain: Any, state: MatrixProductState) -> Any:
    """A copy of the state in Julia."""
    saved = state.arrays()
    kinds = {"leg_counts": np.int64, "leg_charges": np.int64, "leg_sizes": np.int64, "schmidt": np.float64}
    where = [session.address(saved[name], saved[name].shape, kind) for name, kind in kinds.items()]
    tensors = saved["tensors"]
    where.append(session.address(tensors, tensors.shape, np.complex128))
    return session.call("train", chain, *where, saved["leg_charges"].size, saved["schmidt"].size, tensors.size)


def from_julia(chain: Chain, state: Any) -> MatrixProductState:
    """A copy of Julia's state."""
    sectors, values, elements = (int(number) for number in session.call("lengths", state))
    saved = {
        "leg_counts": np.empty(chain.sites + 1, np.int64),
        "leg_charges": np.empty(sectors, np.int64),
        "leg_sizes": np.empty(sectors, np.int64),
        "schmidt": np.empty(values),
        "tensors": np.empty(elements, np.complex128),
    }
    session.call("write!", state, *(int(array.ctypes.data) for array in saved.values()))
    return MatrixProductState.of_arrays(chain.spaces, saved)


class JuliaEvolution(TrotterEvolution):
    """Applies layers of gates in Julia, in charge blocks; the gates are exponentials of ITensor operators.

    Parameters
    ----------
    chain : Chain
    truncation : Truncation
    """

    def __init__(self, chain: Chain, truncation: Truncation) -> None:
        super().__init__(chain, truncation)
        self._chain = julia_chain(chain)

    def apply(self, state: MatrixProductState, layers: Sequence[GateLayer]) -> tuple[np.ndarray, bool]:
        """Apply the layers in place, with one call of Julia for each; see `TrotterEvolution.apply`."""
        rules, threads = self.truncation, min(thread_pool.largest(), session.threads())
        lost, limited = np.zeros(self.chain.sites - 1), np.zeros(self.chain.sites - 1, np.int64)
        evolved = to_julia(self._chain, state)
        for layer in layers:
            session.call(
                "layer!", evolved, layer.parity, layer.duration / HBAR, rules.min_bond, rules.max_bond,
                rules.discarded_weight, int(lost.ctypes.data), int(limited.ctypes.data), threads,
            )  # fmt: skip
        state.replace(from_julia(self.chain, evolved))
        return lost, bool(limited.any())


class VariationalEvolution(Evolution):
    """Two-site TDVP of ITensorMPS (J. Haegeman et al., PRB 94, 165116 (2016)), which has no Trotter error.

    It is a check of the gates. Within a step only `max_bond` truncates; after a step every bond is truncated as with
    gates.

    Parameters
    ----------
    chain : Chain
    truncation : Truncation
    """

    def __init__(self, chain: Chain, truncation: Truncation) -> None:
        super().__init__(chain, truncation)
        self._chain = julia_chain(chain)

    def evolve(self, state: MatrixProductState, interval: float, count: int, order: int) -> tuple[np.ndarray, bool]:
        """Take `count` equal steps, with one call of Julia for each; see `Evolution.evolve`."""
        lost, limited = np.zeros(self.chain.sites - 1), False
        for _ in range(count):
            inside = np.zeros_like(lost)
            evolved = session.call(
                "tdvp_step", to_julia(self._chain, state), interval / count / HBAR, order, self.truncation.max_bond,
                int(inside.ctypes.data), session.threads() > 1,
            )  # fmt: skip
            found, after, hit = right_canonical(from_julia(self.chain, evolved), self.truncation)
            state.replace(found)
            lost += inside + after
            limited |= bool(hit.any()) or bool((inside > self.truncation.discarded_weight).any())
        return lost, limited


def dmrg(chain: Chain, start: list[int], max_bond: int) -> tuple[MatrixProductState, GroundState]:
    """Ground state by ITensorMPS's two-site DMRG, from a product of local states; see `pysv.mps.ground`."""
    states = np.array(start, dtype=np.int64)
    search = session.call("search", julia_chain(chain), int(states.ctypes.data))
    energies: list[float] = []
    for number in range(SWEEPS):
        noise = _NOISE[number] if number < len(_NOISE) else 0.0
        energies.append(float(session.call("sweep!", search, max_bond, SMALLEST_WEIGHT, noise)))
        if number > len(_NOISE) and abs(energies[-1] - energies[-2]) < _SETTLED:
            break
    found, _, _ = right_canonical(
        from_julia(chain, session.call("found", search)), Truncation(1, max_bond, SMALLEST_WEIGHT)
    )
    variance = float(session.call("variance", search))
    return found, GroundState(energies[-1], variance, abs(energies[-1] - energies[-2]), len(energies))


BACKEND = Backend(dmrg, {"tebd": JuliaEvolution, "tdvp": VariationalEvolution}, ("Fishman2022",))
