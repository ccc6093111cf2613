"""Pictures of ρ of the localized spins: modulus and phase of every element, with rows sorted by flipped spins."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.image import AxesImage

from pysv import config
from pysv.figures import style
from pysv.measures.frame import initial_basis
from pysv.model.basis import Spins
from pysv.model.initial import collinear_configuration

FLOOR = 1e-5
"""Elements of smaller modulus stay white in both panels."""
FINEST = 512
"""Largest number of rows that is drawn. A larger ρ is cut into tiles, and each shows its element of largest modulus."""
PHASES = LinearSegmentedColormap.from_list(  # cyclic: luminance tells |phase|, hue its sign
    "phase", ["#e8c468", "#3f7fb8", "#16161d", "#b8433a", "#e8c468"]
)


class Sectors(NamedTuple):
    """Configurations sorted by the number m of flipped spins and, for equal m, by S^z: blocks of ρ stay together.

    Parameters
    ----------
    order : int ndarray (2^N,)
        Configurations in the order of the picture.
    edges : int ndarray (N + 2,)
        Sector m spans rows ``edges[m]`` to ``edges[m + 1]`` of the picture.
    """

    order: np.ndarray
    edges: np.ndarray


@dataclass(frozen=True, eq=False)
class InitialBasis:
    """The basis in which ρ of a run is drawn: initial spins and their opposites, sorted by flips, as for Eq. 25.

    Parameters
    ----------
    sectors : Sectors
    rotation : complex ndarray (2^N, 2^N) or None
        The basis as columns; None where all initial spins lie along ±z, so that it is that of the dataset.
    """

    sectors: Sectors
    rotation: np.ndarray | None

    @classmethod
    def of(cls, data: xr.Dataset) -> InitialBasis:
        """The basis of a run's dataset, from the experiment in its attributes."""
        experiment = config.loads(str(data.attrs["experiment"])).experiment
        directions, spins = experiment.spins.directions(experiment.device), Spins(experiment.device.levels)
        initial = collinear_configuration(directions, spins)
        words = data["ket"].values
        if initial is not None:
            return cls(sectors(words, initial), None)
        return cls(sectors(words, 0), initial_basis(spins, directions))

    def parts(self, matrix: np.ndarray) -> tuple[np.ma.MaskedArray, np.ma.MaskedArray]:
        """Modulus and phase of ρ in this basis, see `parts`.

        Parameters
        ----------
        matrix : complex ndarray (2^N, 2^N)
            As in the dataset.
        """
        own = matrix if self.rotation is None else self.rotation.conj().T @ matrix @ self.rotation
        return parts(own, self.sectors.order)

    @property
    def label(self) -> str:
        """Label of the rows."""
        return "flipped spins" if self.rotation is None else "flipped spins (in the basis of the initial spins)"


def sectors(configurations: np.ndarray, initial: int) -> Sectors:
    """Sort configurations by the number of spins that are flipped from an initial configuration, as in Fig. 5.

    A spin S counts as often as it is lowered or raised.

    Parameters
    ----------
    configurations : str ndarray (2^N,)
        The coordinate ``ket`` of a dataset: arrows, or m of each spin, spin 1 first.
    initial : int
        Index of the configuration from which flips are counted.
    """
    moments = np.array([_moments(str(word)) for word in configurations])  # 2m of each spin
    flips = np.abs(moments - moments[initial]).sum(axis=1) // 2
    order = np.lexsort((-moments.sum(axis=1), flips))
    return Sectors(order, np.searchsorted(flips[order], np.arange(moments.max(axis=0).sum() + 2)))


def _moments(word: str) -> list[int]:
    """2m of each spin of a configuration."""
    if set(word) <= {"↑", "↓"}:
        return [1 if arrow == "↑" else -1 for arrow in word]
    return [int(2 * Fraction(m)) for m in word.split()]


def parts(matrix: np.ndarray, order: np.ndarray) -> tuple[np.ma.MaskedArray, np.ma.MaskedArray]:
    """Modulus and phase (units of π) of ρ in the order of the picture, masked where the modulus is below `FLOOR`.

    Parameters
    ----------
    matrix : complex ndarray (2^N, 2^N)
    order : int ndarray (2^N,)
    """
    sorted_ = _coarse(matrix[np.ix_(order, order)])
    modulus = np.abs(sorted_)
    small = modulus < FLOOR
    return np.ma.array(modulus, mask=small), np.ma.array(np.angle(sorted_) / np.pi, mask=small)


def _coarse(matrix: np.ndarray) -> np.ndarray:
    """Shrink a matrix to at most `FINEST` rows: each tile becomes its element of largest modulus."""
    tile = -(-len(matrix) // FINEST)
    if tile == 1:
        return matrix
    count = -(-len(matrix) // tile)
    padding = count * tile - len(matrix)
    matrix = np.pad(matrix, ((0, padding), (0, padding)))
    tiles = matrix.reshape(count, tile, count, tile).swapaxes(1, 2).reshape(count, count, tile**2)
    largest = np.abs(tiles).argmax(axis=2)
    return np.asarray(np.take_along_axis(tiles, largest[..., None], axis=2)[..., 0])


def modulus_image(axes: Axes, found: InitialBasis) -> AxesImage:
    """Empty picture of the moduli, with its colour bar; the first of `parts` fills it."""
    return _image(axes, found, "modulus of ρ", {"cmap": colormaps["magma_r"], "norm": LogNorm(FLOOR, 1.0)})


def phase_image(axes: Axes, found: InitialBasis) -> AxesImage:
    """Empty picture of the phases, with its colour bar; the second of `parts` fills it."""
    return _image(axes, found, r"phase of ρ (units of $\pi$)", {"cmap": PHASES, "vmin": -1, "vmax": 1})


def _image(axes: Axes, basis: InitialBasis, title: str, look: style.Style) -> AxesImage:
    found = basis.sectors
    size = len(found.order)
    empty = np.ma.array(np.zeros((min(size, FINEST),) * 2), mask=True)
    image = axes.imshow(empty, extent=(0, size, size, 0), interpolation="nearest", aspect="equal", **look)
    axes.figure.colorbar(image, ax=axes, location="bottom", label=title, pad=0.01, aspect=24)
    middles = (found.edges[:-1] + found.edges[1:]) / 2
    named = np.flatnonzero(np.diff(found.edges) > size / 40)  # narrow sectors have no room for a number
    axes.set_xticks(middles[named], [str(m) for m in named])
    axes.set_yticks(middles[named], [str(m) for m in named])
    axes.tick_params(length=0, labelbottom=False, labeltop=True)
    for edge in found.edges[1:-1]:
        axes.axhline(edge, color="0.8", linewidth=0.4)
        axes.axvline(edge, color="0.8", linewidth=0.4)
    axes.set(xlim=(-size / 80, size), ylim=(size, -size / 80))  # the first row does not touch the frame
    axes.set_ylabel(basis.label)
    return image
