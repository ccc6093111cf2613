"""Von Neumann entropies and mutual information (Eqs. 5 and 6)."""

from __future__ import annotations

import numpy as np

from pysv.model.density import SpinDensity, entropy_of_spectrum


def entropy(rho: SpinDensity) -> float:
    """Von Neumann entropy −Tr ρ ln ρ of all localized spins (Eq. 6), nats."""
    return entropy_of_spectrum(rho.eigenvalues)


def layer_entropy(rho: SpinDensity, layer: str) -> float:
    """Von Neumann entropy of one layer (Eq. 6), nats.

    Parameters
    ----------
    rho : SpinDensity
    layer : {"polarizer", "analyzer"}
    """
    return entropy_of_spectrum(np.linalg.eigvalsh(rho.layer(layer)))


def mutual_information(rho: SpinDensity) -> float:
    """S_p + S_a − S of the two layers (Eq. 5), nats: quantum and classical correlations together."""
    return layer_entropy(rho, "polarizer") + layer_entropy(rho, "analyzer") - entropy(rho)
