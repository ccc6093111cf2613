"""Remarks on an experiment that the user must read: in the dataset, in estimates, and as warnings."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from pysv.errors import BathValidityWarning, PacketDirectionWarning, PacketTruncationWarning
from pysv.model.baths import jumps

if TYPE_CHECKING:
    from pysv.experiment import Experiment


def remarks(experiment: Experiment) -> tuple[str, ...]:
    """Remarks on the direction and the truncation of the packet, and on doubtful baths."""
    return *experiment.remarks(), *_bath_remarks(experiment)


def warn(experiment: Experiment) -> None:
    """Emit `remarks` as `PacketDirectionWarning`, `PacketTruncationWarning` and `BathValidityWarning`."""
    for remark in experiment.direction_remarks():
        warnings.warn(remark, PacketDirectionWarning, stacklevel=3)
    for remark in experiment.truncation_remarks():
        warnings.warn(remark, PacketTruncationWarning, stacklevel=3)
    for remark in _bath_remarks(experiment):
        warnings.warn(remark, BathValidityWarning, stacklevel=3)


def _bath_remarks(experiment: Experiment) -> tuple[str, ...]:
    return () if experiment.bath is None else jumps.report(experiment.device, experiment.bath)[1]
