"""Who pysv is: version, citation and the versions of what it stands on."""

from __future__ import annotations

import platform
from importlib import metadata

__version__ = "0.1.0"

PAPER = (
    "A. Suresh, R. D. Soares, P. Mondal, J. P. Santos Pires, J. M. Viana Parente Lopes, A. Ferreira, A. E. Feiguin, "
    "P. Plecháč and B. K. Nikolić, Electron-mediated entanglement of two distant macroscopic ferromagnets within a "
    "nonequilibrium spintronic device, Phys. Rev. A 109, 022414 (2024), doi:10.1103/PhysRevA.109.022414"
)

BIBTEX = f"""@software{{pysv,
  title   = {{pysv: electron-mediated entanglement in a quantum spin valve}},
  author  = {{{{The pysv developers}}}},
  version = {{{__version__}}},
  year    = {{2026}},
}}
@article{{Suresh2024,
  title   = {{Electron-mediated entanglement of two distant macroscopic ferromagnets within a nonequilibrium
             spintronic device}},
  author  = {{Suresh, A. and Soares, R. D. and Mondal, P. and Santos Pires, J. P. and Viana Parente Lopes, J. M. and
             Ferreira, A. and Feiguin, A. E. and Plech{{\\'a}}{{\\v c}}, P. and Nikoli{{\\'c}}, B. K.}},
  journal = {{Phys. Rev. A}},
  volume  = {{109}},
  pages   = {{022414}},
  year    = {{2024}},
  doi     = {{10.1103/PhysRevA.109.022414}},
}}"""

_STANDS_ON = ("numpy", "scipy", "numba", "xarray", "h5netcdf", "qutip", "matplotlib")


def versions() -> dict[str, str]:
    """Versions of pysv, Python and the libraries a result depends on, for provenance.

    Returns
    -------
    dict of str
        Package name to version; a package that is not installed is left out.
    """
    found = {"pysv": __version__, "python": platform.python_version()}
    for name in _STANDS_ON:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
