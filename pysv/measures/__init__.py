"""Measures of physics: pure functions of the density matrix of the localized spins, and the registry of all variables.

Each module of this package may `register` measures; a new measure is one new file.
"""

import importlib
import pkgutil

from pysv.measures.entropy import entropy, layer_entropy, mutual_information
from pysv.measures.factor import SpinFactor
from pysv.measures.fisher import qfi, qfi_of_probabilities, qfi_paper
from pysv.measures.magnons import flip_probabilities, w_fidelity
from pysv.measures.negativity import log_negativity, log_negativity_of_factor, negativity_bound, partial_transpose
from pysv.measures.registry import Measure, register, restored, unregister
from pysv.measures.view import View
from pysv.model.density import Block, SpinDensity

__all__ = [
    "Block",
    "Measure",
    "SpinDensity",
    "SpinFactor",
    "View",
    "entropy",
    "flip_probabilities",
    "layer_entropy",
    "log_negativity",
    "log_negativity_of_factor",
    "mutual_information",
    "negativity_bound",
    "partial_transpose",
    "qfi",
    "qfi_of_probabilities",
    "qfi_paper",
    "register",
    "restored",
    "unregister",
    "w_fidelity",
]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
