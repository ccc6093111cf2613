"""Measures of physics: pure functions of the density matrix of the localized spins, or of a snapshot."""

from pysv.measures.entropy import entropy, layer_entropy, mutual_information
from pysv.measures.factor import SpinFactor
from pysv.measures.fisher import qfi, qfi_of_probabilities, qfi_paper
from pysv.measures.magnons import flip_probabilities, w_fidelity
from pysv.measures.negativity import log_negativity, log_negativity_of_factor, partial_transpose
from pysv.model.density import Block, SpinDensity

__all__ = [
    "Block",
    "SpinDensity",
    "SpinFactor",
    "entropy",
    "flip_probabilities",
    "layer_entropy",
    "log_negativity",
    "log_negativity_of_factor",
    "mutual_information",
    "partial_transpose",
    "qfi",
    "qfi_of_probabilities",
    "qfi_paper",
    "w_fidelity",
]
