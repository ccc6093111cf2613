"""Measures of physics: pure functions of the density matrix of the localized spins, or of a snapshot."""

from pysv.measures.electron import electron_densities, electron_spin, invariants
from pysv.measures.entropy import entropy, layer_entropy, mutual_information
from pysv.measures.factor import SpinFactor, probabilities
from pysv.measures.fisher import qfi, qfi_of_probabilities, qfi_paper
from pysv.measures.magnons import flip_probabilities, w_fidelity
from pysv.measures.negativity import log_negativity, log_negativity_of_factor, partial_transpose
from pysv.measures.reduced import Block, SpinDensity

__all__ = [
    "Block",
    "SpinDensity",
    "SpinFactor",
    "electron_densities",
    "electron_spin",
    "entropy",
    "flip_probabilities",
    "invariants",
    "layer_entropy",
    "log_negativity",
    "log_negativity_of_factor",
    "mutual_information",
    "partial_transpose",
    "probabilities",
    "qfi",
    "qfi_of_probabilities",
    "qfi_paper",
    "w_fidelity",
]
