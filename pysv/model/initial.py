"""The initial state: a weighted set of pure runs, each in the S^z sectors that it occupies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from math import comb, prod
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import eigh_tridiagonal

from pysv.errors import InvalidInputError
from pysv.experiment.source import Amplitudes, OneElectron, Orbital, WavePacket
from pysv.experiment.spins import GHZ, Z_DOWN, Z_UP, Bell, Gibbs, Ground, SpinSetting, SpinVector, WState, bloch
from pysv.model.basis import Spins
from pysv.model.couplings import Couplings
from pysv.model.layer import layer_spectrum, layer_spins
from pysv.model.terms import OnSite, hamiltonian_terms, polarising_terms

if TYPE_CHECKING:
    from pysv.experiment import Experiment
    from pysv.experiment.checks import Angles
    from pysv.experiment.device import ChainDevice
    from pysv.model.layer import LayerSpectrum


def electron_states(source: OneElectron) -> tuple[tuple[str, float, np.ndarray], ...]:
    """Label, weight and spinor of each incoming electron spin; a partly polarised one is a mixture of up and down."""
    up, down = ("up", bloch(Z_UP)), ("down", bloch(Z_DOWN))
    if source.spin == "unpolarized":
        if abs(source.polarization) == 1:
            label, spinor = up if source.polarization > 0 else down
            return ((label, 1.0, spinor),)
        share = source.polarization / 2
        return (up[0], 0.5 + share, up[1]), (down[0], 0.5 - share, down[1])
    if isinstance(source.spin, str):
        label, spinor = up if source.spin == "up" else down
        return ((label, 1.0, spinor),)
    return (("tilted", 1.0, bloch(source.spin)),)


MAX_THERMAL = 1 << 24
"""Most states of all localized spins in a thermal start: those of 24 spins 1/2."""


@dataclass(frozen=True, eq=False)
class SpinState:
    """One pure state of the localized spins at t = 0.

    Parameters
    ----------
    label : str
        What distinguishes it in its mixture; empty for a product state.
    weight : float
        Its probability in the mixture.
    downs : tuple of int
        Down counts with weight, ascending.
    amplitude : callable
        Amplitudes, complex ndarray (n,), of given configurations, int64 ndarray (n,).
    """

    label: str
    weight: float
    downs: tuple[int, ...]
    amplitude: Callable[[np.ndarray], np.ndarray]


@lru_cache(maxsize=8)
def localized_states(device: ChainDevice, setting: SpinSetting) -> tuple[SpinState, ...]:
    """The localized spins at t = 0 (Eq. 10, or Eq. 12 for a Gibbs state) as a mixture of pure states.

    The Gibbs state of layers that are not coupled is the mixture of all products of their eigenstates. The weakest
    products, of total weight at most ``setting.tolerance``, are left out; the other weights are scaled to add up to 1.

    Raises
    ------
    InvalidInputError
        If a ground state is degenerate.
    """
    if isinstance(setting, Gibbs):
        if Spins(device.levels).size > MAX_THERMAL:
            raise InvalidInputError(
                f"the localized spins have {Spins(device.levels).size:.1e} states; a thermal start weighs all of them, "
                f"at most {MAX_THERMAL:,}",
                "kind",
            )
        return _gibbs_states(device, setting)
    if setting.is_product:
        return (_product_state(device, setting),)
    if isinstance(setting, Ground):
        return (_ground_state(device, setting),)
    return (_superposition(device, setting),)


def _product_state(device: ChainDevice, setting: SpinSetting) -> SpinState:
    spins = Spins(device.levels)
    columns = [
        coherent(bloch(d), levels - 1) for d, levels in zip(setting.directions(device), spins.levels, strict=True)
    ]
    held = [np.flatnonzero(column) for column in columns]
    least, most = (sum(int(places[end]) for places in held) for end in (0, -1))

    def amplitude(configuration: np.ndarray) -> np.ndarray:
        found = np.ones(configuration.shape, dtype=complex)
        for spin, column in enumerate(columns):
            found = found * column[spins.digit(configuration, spin)]
        return found

    return SpinState("", 1.0, tuple(range(least, most + 1)), amplitude)


def coherent(spinor: np.ndarray, count: int) -> np.ndarray:
    """2S = `count` spins 1/2 in the same state as one spin S, complex (count + 1,), m = S first."""
    lowered = np.arange(count + 1)
    binomial = np.sqrt([comb(count, k) for k in range(count + 1)])
    return np.asarray(binomial * spinor[0] ** (count - lowered) * spinor[1] ** lowered)


def _superposition(device: ChainDevice, setting: SpinSetting) -> SpinState:
    """A state given by the amplitudes of some configurations."""
    spins = Spins(device.levels)
    lowered = [spins.place(spin) for spin in range(spins.count)]
    if isinstance(setting, Bell):
        one, other = (number - 1 for number in setting.spins(device))
        rest = sum(
            place * (levels - 1)
            for spin, (place, levels, direction) in enumerate(
                zip(lowered, spins.levels, setting.directions(device), strict=True)
            )
            if spin not in (one, other) and direction == Z_DOWN
        )
        held = {rest + lowered[other]: 1.0, rest + lowered[one]: np.exp(1j * setting.phase)}
    elif isinstance(setting, WState):
        held = dict.fromkeys(lowered, 1.0)
    elif isinstance(setting, GHZ):
        held = {0: 1.0, spins.size - 1: 1.0}
    else:
        assert isinstance(setting, SpinVector)
        held = {place: complex(*pair) for place, pair in enumerate(setting.values) if any(pair)}
    places = np.array(sorted(held), dtype=np.int64)
    values = np.array([held[place] for place in places.tolist()], dtype=complex)
    values /= np.abs(values).max()  # neither under- nor overflow
    return _of_amplitudes(spins, places, values / np.linalg.norm(values))


def _of_amplitudes(spins: Spins, places: np.ndarray, values: np.ndarray) -> SpinState:
    """The pure state with the given amplitudes, configurations ascending."""

    def amplitude(configuration: np.ndarray) -> np.ndarray:
        found = np.minimum(np.searchsorted(places, configuration), places.size - 1)
        return np.where(places[found] == configuration, values[found], 0)

    return SpinState("", 1.0, tuple(np.unique(spins.down(places)).tolist()), amplitude)


_DEGENERATE = 1e-9
"""Energy, eV, within which states count as degenerate."""


def _ground_state(device: ChainDevice, setting: Ground) -> SpinState:
    """The lowest product of the layers' eigenstates; of each down count two are followed, which show a degeneracy."""
    spins = Spins(device.levels)
    wanted = None if setting.spin_z is None else spins.lowest / 2 - setting.spin_z
    if wanted is not None and (wanted != round(wanted) or not 0 <= wanted <= spins.lowest):
        raise InvalidInputError(
            f"spin_z = {setting.spin_z:g} must be between −{spins.lowest / 2:g} and {spins.lowest / 2:g} in steps of 1",
            "spin_z",
        )
    spectra = [layer_spectrum(device, layer) for layer in range(len(device.layers))]
    # All products that are not above the lowest one, found layer by layer.
    kept: list[tuple[float, int, tuple[int, ...]]] = [(0.0, 0, ())]
    for spectrum in spectra:
        longer = [
            (energy + float(level), down + int(own), (*states, number))
            for energy, down, states in kept
            for number, (level, own) in enumerate(zip(spectrum.energies, spectrum.downs, strict=True))
            if number < 2 or spectrum.downs[number - 2] != own  # energies ascend within a sector
        ]
        kept = []
        for entry in sorted(longer):
            alike = [other for other in kept if other[1] == entry[1]]
            if not alike or (len(alike) == 1 and entry[0] <= alike[0][0] + _DEGENERATE):
                kept.append(entry)
    if wanted is not None:
        kept = [entry for entry in kept if entry[1] == wanted]
    least = min(energy for energy, _, _ in kept)
    kept = [entry for entry in kept if entry[0] <= least + _DEGENERATE]
    if len(kept) > 1:
        sectors = sorted({spins.lowest / 2 - down for _, down, _ in kept}, reverse=True)
        raise InvalidInputError(
            f"the ground state of the localized spins is degenerate: several states at {least:.6g} eV, with S^z = "
            f"{', '.join(f'{value:g}' for value in sectors)}; add a field, or choose a sector by spin_z",
            "spin_z",
        )
    (_, down, states) = kept[0]
    return SpinState("", 1.0, (down,), _product_of_layers(device, spectra, states))


def _product_of_layers(
    device: ChainDevice, spectra: Sequence[LayerSpectrum], states: Sequence[int]
) -> Callable[[np.ndarray], np.ndarray]:
    """Amplitudes of a product of one eigenstate of each layer."""
    sizes = [layer_spins(device, layer).size for layer in range(len(device.layers))]
    places = [prod(sizes[layer + 1 :]) for layer in range(len(sizes))]

    def amplitude(configuration: np.ndarray) -> np.ndarray:
        found = np.ones(configuration.shape)
        for spectrum, state, size, place in zip(spectra, states, sizes, places, strict=True):
            found = found * spectrum.vectors[configuration // place % size, state]
        return np.asarray(found, dtype=complex)

    return amplitude


def dropped_weight(experiment: Experiment) -> float:
    """Weight of the eigenstates of a Gibbs state that are left out; 0 for pure states."""
    if not isinstance(experiment.spins, Gibbs):
        return 0.0
    weights = _gibbs_weights(_spectra(experiment.device, experiment.spins), experiment.spins)
    return float(weights[_dropped(weights, experiment.spins.tolerance)].sum())


def _spectra(device: ChainDevice, setting: Gibbs) -> list[LayerSpectrum]:
    field = polarising_terms(device, setting.pinning)
    return [layer_spectrum(device, layer, field) for layer in range(len(device.layers))]


def _gibbs_weights(spectra: Sequence[LayerSpectrum], setting: Gibbs) -> np.ndarray:
    """Gibbs weight of each product of eigenstates, the first layer's index first, float64 (Π sizes,)."""
    return reduce(np.multiply.outer, (spectrum.populations(setting.temperature) for spectrum in spectra)).ravel()


def _dropped(weights: np.ndarray, tolerance: float) -> np.ndarray:
    """Indices of the smallest weights that add up to at most the tolerance; equal weights are kept together."""
    order = np.argsort(weights, kind="stable")
    count = int(np.searchsorted(np.cumsum(weights[order]), tolerance, side="right"))
    smallest = weights[order[min(count, weights.size - 1)]]
    return np.flatnonzero(weights < smallest * (1 - 1e-9))


def _gibbs_states(device: ChainDevice, setting: Gibbs) -> tuple[SpinState, ...]:
    spectra = _spectra(device, setting)
    weights = _gibbs_weights(spectra, setting)
    weights[_dropped(weights, setting.tolerance)] = 0
    weights /= weights.sum()
    shape = tuple(len(spectrum.energies) for spectrum in spectra)

    def state(number: int) -> SpinState:
        own = tuple(int(n) for n in np.unravel_index(number, shape))
        down = sum(int(spectrum.downs[n]) for spectrum, n in zip(spectra, own, strict=True))
        amplitude = _product_of_layers(device, spectra, own)
        return SpinState("_".join(map(str, own)), float(weights[number]), (down,), amplitude)

    return tuple(state(int(number)) for number in np.argsort(-weights, kind="stable") if weights[number] > 0)


ElectronState = tuple[str, float, np.ndarray]
"""Label, weight and spinor."""


def products(experiment: Experiment) -> Iterator[tuple[ElectronState, SpinState, tuple[int, ...]]]:
    """Each state of the electron with each state of the localized spins, and the sectors that the pair occupies."""
    source = one_electron(experiment)
    for electron in electron_states(source):
        own = np.flatnonzero(electron[2]).tolist()
        for spins in localized_states(experiment.device, experiment.spins):
            yield electron, spins, tuple(sorted({down + spin for down in spins.downs for spin in own}))


def run_label(electron: ElectronState, spins: SpinState) -> str:
    """Label of the pure run that a pair of states starts."""
    return f"{electron[0]}_{spins.label}" if spins.label else electron[0]


def packet(experiment: Experiment) -> np.ndarray:
    """Orbital part of the electron at t = 0, complex ndarray (sites,), normalised."""
    source, device = one_electron(experiment), experiment.device
    if not isinstance(source, Orbital):
        assert isinstance(source, WavePacket | Amplitudes)
        return source.amplitudes(device.sites)
    well = (OnSite(site, -source.well) for site in range(1, source.confined_sites + 1))
    h = Couplings.of_terms((*hamiltonian_terms(device), *well))
    if all(y == x + 1 for x, y in h.hopping):
        diagonal = [h.potential.get(x, 0.0) for x in range(1, device.sites + 1)]
        beside = [-h.hopping.get((x, x + 1), 0.0) for x in range(1, device.sites)]
        level = (source.level, source.level)
        found = eigh_tridiagonal(diagonal, beside, select="i", select_range=level)[1][:, 0]
    else:
        found = np.linalg.eigh(h.orbital(device.sites))[1][:, source.level]
    return np.asarray(found * np.sign(found[np.argmax(np.abs(found))]), dtype=complex)


def one_electron(experiment: Experiment) -> OneElectron:
    """The source of an experiment with one electron.

    Raises
    ------
    InvalidInputError
        If the source has several electrons.
    """
    if not isinstance(experiment.source, OneElectron):
        raise InvalidInputError("source must have one electron, not several; use kind = 'wave-packet'", "source")
    return experiment.source


def collinear_configuration(directions: tuple[Angles, ...], spins: Spins | None = None) -> int | None:
    """Configuration of a product state whose spins all lie along ±z, None for a tilted one; by default spins 1/2."""
    localized = spins or Spins.of(len(directions))
    spinors = [bloch(direction) for direction in directions]
    if any(spinor.all() for spinor in spinors):
        return None
    downs = ((localized.levels[i] - 1) * localized.place(i) for i, spinor in enumerate(spinors) if spinor[0] == 0)
    return sum(downs)
