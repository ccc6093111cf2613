"""pysv: what a pulse of electrons does to quantum magnets.

Electron-mediated entanglement of two small ferromagnets in a spin valve (Suresh et al., PRA 109, 022414).

>>> import pysv
>>> data = pysv.solve(pysv.Experiment(times=pysv.times(stop=30, step=1)), progress=False)  # doctest: +SKIP
>>> data.log_negativity.plot()  # doctest: +SKIP
"""
