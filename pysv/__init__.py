"""pysv: what a pulse of electrons does to quantum magnets.

Electron-mediated entanglement of two small ferromagnets in a spin valve (Suresh et al., PRA 109, 022414):

>>> import pysv
>>> experiment = pysv.Experiment(source=pysv.WavePacket(center=20), times=pysv.times(stop=30, step=1))
>>> data = pysv.solve(experiment, progress=False)  # doctest: +SKIP
>>> float(data.log_negativity[-1])  # doctest: +SKIP

Names are imported when they are first used, so that ``import pysv`` costs next to nothing. ``__init__.pyi`` lists them:
objects and functions, and the modules `config`, `errors`, `figures`, `measures` and `units`.
"""

import lazy_loader

from pysv.results.versions import __version__

_MODULES = ("config", "errors", "figures", "measures", "units")
__getattr__, __dir__, _names = lazy_loader.attach_stub(__name__, __file__)
__all__ = [name for name in _names if name not in _MODULES]  # a star import brings no words as common as these
__all__ += ["__version__"]
_names += ["__version__"]
