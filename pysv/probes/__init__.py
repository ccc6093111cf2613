"""What needs runs of its own: correlators at two times, and what follows from them."""

from pysv.probes.correlator import correlator
from pysv.probes.rebuild import rebuild_qfi
from pysv.probes.structure import smoothed_qfi, structure_factor

__all__ = ["correlator", "rebuild_qfi", "smoothed_qfi", "structure_factor"]
