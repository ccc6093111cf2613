"""Who is to be cited for a result: the paper, and what the run's engine, measures and baths stand on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pysv.errors import InvalidInputError, unknown_name
from pysv.measures.registry import measures
from pysv.results.versions import __version__

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Reference:
    """One entry of a bibliography.

    Parameters
    ----------
    key : str
        BibTeX key.
    authors : tuple of str
        "Family, Given"; without a comma the name of a group, or "others".
    title : str
    year : int
    journal : str
        Empty for software.
    volume, pages : str
    doi : str
        Without a resolver; empty if there is none.
    url : str
        Of software without a DOI.
    """

    key: str
    authors: tuple[str, ...]
    title: str
    year: int
    journal: str = ""
    volume: str = ""
    pages: str = ""
    doi: str = ""
    url: str = ""

    def __str__(self) -> str:
        """The reference in one line, as the field writes it."""
        names = [" ".join(reversed(name.split(", "))) for name in self.authors]
        who = " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))).replace(" and others", " et al.")
        where = ", ".join(filter(None, (f"{self.journal} {self.volume}".strip(), self.pages)))
        source = f"doi:{self.doi}" if self.doi else self.url
        return ", ".join(filter(None, (who, self.title, where))) + f" ({self.year})" + (source and f", {source}")

    def bibtex(self) -> str:
        """The reference as a BibTeX entry, in UTF-8."""
        names = " and ".join(name if ", " in name or name == "others" else f"{{{name}}}" for name in self.authors)
        fields = {
            "title": f"{{{self.title}}}", "author": names, "journal": self.journal, "volume": self.volume,
            "pages": self.pages.replace("–", "--"), "year": str(self.year), "doi": self.doi, "url": self.url,
        }  # fmt: skip
        lines = [f"  {name:<7} = {{{value}}}," for name, value in fields.items() if value]
        return "\n".join([f"@{'article' if self.journal else 'software'}{{{self.key},", *lines, "}"])


PYSV = Reference(
    "pysv", ("The pysv developers",),
    f"pysv {__version__}: electron-mediated entanglement in a quantum spin valve", 2026,
)  # fmt: skip
PAPER = Reference(
    "Suresh2024",
    ("Suresh, A.", "Soares, R. D.", "Mondal, P.", "Santos Pires, J. P.", "Viana Parente Lopes, J. M.", "Ferreira, A.",
     "Feiguin, A. E.", "Plecháč, P.", "Nikolić, B. K."),
    "Electron-mediated entanglement of two distant macroscopic ferromagnets within a nonequilibrium spintronic device",
    2024, "Phys. Rev. A", "109", "022414", "10.1103/PhysRevA.109.022414",
)  # fmt: skip

_CHEBYSHEV = Reference(
    "TalEzer1984", ("Tal-Ezer, H.", "Kosloff, R."),
    "An accurate and efficient scheme for propagating the time dependent Schrödinger equation",
    1984, "J. Chem. Phys.", "81", "3967", "10.1063/1.448136",
)  # fmt: skip
_QUTIP = Reference(
    "Lambert2026",
    ("Lambert, N.", "Giguère, E.", "Menczel, P.", "Li, B.", "Hopf, P.", "Suárez, G.", "Gali, M.", "Lishman, J.",
     "Gadhvi, R.", "Agarwal, R.", "Galicia, A.", "Shammah, N.", "Nation, P.", "Johansson, J. R.", "Ahmed, S.",
     "Cross, S.", "Pitchford, A.", "Nori, F."),
    "QuTiP 5: The Quantum Toolbox in Python", 2026, "Phys. Rep.", "1153", "1–62", "10.1016/j.physrep.2025.10.001",
)  # fmt: skip
_KRYLOVKIT = Reference(
    "KrylovKit", ("Haegeman, J.",), "KrylovKit.jl", 2024, url="https://github.com/Jutho/KrylovKit.jl"
)
_JULIA = Reference(
    "Bezanson2017", ("Bezanson, J.", "Edelman, A.", "Karpinski, S.", "Shah, V. B."),
    "Julia: A fresh approach to numerical computing", 2017, "SIAM Rev.", "59", "65–98", "10.1137/141000671",
)  # fmt: skip
_TDMRG = (
    Reference(
        "White1992", ("White, S. R.",), "Density matrix formulation for quantum renormalization groups", 1992,
        "Phys. Rev. Lett.", "69", "2863", "10.1103/PhysRevLett.69.2863",
    ),
    Reference(
        "Vidal2004", ("Vidal, G.",), "Efficient simulation of one-dimensional quantum many-body systems", 2004,
        "Phys. Rev. Lett.", "93", "040502", "10.1103/PhysRevLett.93.040502",
    ),
    Reference(
        "White2004", ("White, S. R.", "Feiguin, A. E."),
        "Real-time evolution using the density matrix renormalization group", 2004, "Phys. Rev. Lett.", "93", "076401",
        "10.1103/PhysRevLett.93.076401",
    ),
)  # fmt: skip
_HASTINGS = Reference(
    "Hastings2009", ("Hastings, M. B.",), "Light-cone matrix product", 2009, "J. Math. Phys.", "50", "095207",
    "10.1063/1.3149556",
)  # fmt: skip
_TDVP = Reference(
    "Haegeman2016", ("Haegeman, J.", "Lubich, C.", "Oseledets, I.", "Vandereycken, B.", "Verstraete, F."),
    "Unifying time evolution and optimization with matrix product states", 2016, "Phys. Rev. B", "94", "165116",
    "10.1103/PhysRevB.94.165116",
)  # fmt: skip
_TENPY = Reference(
    "Hauschild2018", ("Hauschild, J.", "Pollmann, F."),
    "Efficient numerical simulations with tensor networks: Tensor Network Python (TeNPy)", 2018,
    "SciPost Phys. Lect. Notes", "5", "", "10.21468/SciPostPhysLectNotes.5",
)  # fmt: skip
_ITENSOR = Reference(
    "Fishman2022", ("Fishman, M.", "White, S. R.", "Stoudenmire, E. M."),
    "The ITensor software library for tensor network calculations", 2022, "SciPost Phys. Codebases", "4", "",
    "10.21468/SciPostPhysCodeb.4",
)  # fmt: skip
_TRAJECTORIES = (
    Reference(
        "Dalibard1992", ("Dalibard, J.", "Castin, Y.", "Mølmer, K."),
        "Wave-function approach to dissipative processes in quantum optics", 1992, "Phys. Rev. Lett.", "68", "580",
        "10.1103/PhysRevLett.68.580",
    ),
)  # fmt: skip
_BATHS = (
    Reference(
        "Nathan2020", ("Nathan, F.", "Rudner, M. S."), "Universal Lindblad equation for open quantum systems", 2020,
        "Phys. Rev. B", "102", "115109", "10.1103/PhysRevB.102.115109",
    ),
    Reference(
        "Nathan2021", ("Nathan, F.", "Rudner, M. S."),
        "Erratum: Universal Lindblad equation for open quantum systems", 2021, "Phys. Rev. B", "104", "119901",
        "10.1103/PhysRevB.104.119901",
    ),
)  # fmt: skip
_NEGATIVITY = (
    Reference(
        "Vidal2002", ("Vidal, G.", "Werner, R. F."), "Computable measure of entanglement", 2002, "Phys. Rev. A", "65",
        "032314", "10.1103/PhysRevA.65.032314",
    ),
    Reference(
        "Plenio2005", ("Plenio, M. B.",), "Logarithmic negativity: A full entanglement monotone that is not convex",
        2005, "Phys. Rev. Lett.", "95", "090503", "10.1103/PhysRevLett.95.090503",
    ),
)  # fmt: skip
_QUADRATURE = Reference(
    "Ubaru2017", ("Ubaru, S.", "Chen, J.", "Saad, Y."), "Fast estimation of tr(f(A)) via stochastic Lanczos quadrature",
    2017, "SIAM J. Matrix Anal. Appl.", "38", "1075", "10.1137/16M1104974",
)  # fmt: skip
_FISHER = (
    Reference(
        "Hyllus2012",
        ("Hyllus, P.", "Laskowski, W.", "Krischek, R.", "Schwemmer, C.", "Wieczorek, W.", "Weinfurter, H.",
         "Pezzé, L.", "Smerzi, A."),
        "Fisher information and multiparticle entanglement", 2012, "Phys. Rev. A", "85", "022321",
        "10.1103/PhysRevA.85.022321",
    ),
    Reference(
        "Toth2012", ("Tóth, G.",), "Multipartite entanglement and high-precision metrology", 2012, "Phys. Rev. A", "85",
        "022322", "10.1103/PhysRevA.85.022322",
    ),
)  # fmt: skip
_LIBRARIES = (
    Reference(
        "Harris2020", ("Harris, C. R.", "Millman, K. J.", "van der Walt, S. J.", "others"),
        "Array programming with NumPy", 2020, "Nature", "585", "357–362", "10.1038/s41586-020-2649-2",
    ),
    Reference(
        "Virtanen2020", ("Virtanen, P.", "Gommers, R.", "Oliphant, T. E.", "others"),
        "SciPy 1.0: fundamental algorithms for scientific computing in Python", 2020, "Nat. Methods", "17", "261–272",
        "10.1038/s41592-019-0686-2",
    ),
    Reference(
        "Lam2015", ("Lam, S. K.", "Pitrou, A.", "Seibert, S."), "Numba: a LLVM-based Python JIT compiler", 2015,
        "Proc. 2nd Workshop on the LLVM Compiler Infrastructure in HPC", "", "7", "10.1145/2833157.2833162",
    ),
    Reference(
        "Hoyer2017", ("Hoyer, S.", "Hamman, J."), "xarray: N-D labeled arrays and datasets in Python", 2017,
        "J. Open Res. Softw.", "5", "10", "10.5334/jors.148",
    ),
)  # fmt: skip


def references(data: xr.Dataset | None = None) -> dict[str, tuple[Reference, ...]]:
    """References to cite for a result.

    Parameters
    ----------
    data : xarray.Dataset, optional
        A result of pysv; its attributes and variables say what it stands on. Without it only pysv and the paper.

    Returns
    -------
    dict of str to tuple of Reference
        What they are cited for, in the order of importance.
    """
    found: dict[str, tuple[Reference, ...]] = {"pysv": (PYSV,), "model and idea": (PAPER,)}
    if data is None:
        return found
    for purpose, cited in _of_run(data):
        found[purpose] = cited
    return found


def _of_run(data: xr.Dataset) -> Iterator[tuple[str, tuple[Reference, ...]]]:
    """What a run stands on, from its own provenance."""
    from pysv import config

    engine, backend = str(data.attrs["engine"]), str(data.attrs["backend"])
    asked = config.loads(str(data.attrs["experiment"]))
    experiment = asked.experiment
    evolution = _TDVP if getattr(asked.engine, "method", "") == "tdvp" else _HASTINGS
    engines: dict[str, tuple[Reference, ...]] = {
        "chebyshev": (_CHEBYSHEV,),
        "krylov": (_KRYLOVKIT,),
        "qutip": (_QUTIP,),
        "fock": (_CHEBYSHEV,),
        "low-rank": (_CHEBYSHEV,),
        "trajectories": (*_TRAJECTORIES, _CHEBYSHEV),
        "tdmrg": (*_TDMRG, evolution, _ITENSOR if backend == "julia" else _TENPY),
    }
    if engine in engines:
        yield f"engine {engine}", engines[engine]
    if experiment.bath is not None:
        yield "baths", _BATHS
    yield from _of_measures(data)
    if backend == "julia":
        yield "Julia", (_JULIA,)
    packages = json.loads(str(data.attrs["versions"]))
    named = dict(zip(("numpy", "scipy", "numba", "xarray"), _LIBRARIES, strict=True))
    used = {name: reference for name, reference in named.items() if name in packages}
    if used:
        yield "libraries (" + ", ".join(f"{name} {packages[name]}" for name in used) + ")", tuple(used.values())


def _of_measures(data: xr.Dataset) -> Iterator[tuple[str, tuple[Reference, ...]]]:
    """What the measures in a dataset stand on; errors with a bias beside them are the jackknife's, not of probes."""
    for measure in measures():
        name, probes = measure.name, measure.probes
        if measure.cites and name in data:
            yield measure.cited_for or measure.long_name, _found(measure.cites)
        if probes and f"{name}_error" in data and f"{name}_bias" not in data:
            yield probes.cited_for, _found(probes.cites)


def _found(cited: tuple[str | Reference, ...]) -> tuple[Reference, ...]:
    """References, of which some are given by their keys."""
    known = {reference.key: reference for reference in every_reference()}
    for one in cited:
        if isinstance(one, str) and one not in known:
            raise InvalidInputError(f"cites: {unknown_name('key', one, known)}, or give a Reference", "cites")
    return tuple(known[one] if isinstance(one, str) else one for one in cited)


def every_reference() -> tuple[Reference, ...]:
    """All that `references` may return, without repetition."""
    groups = (_TDMRG, _TRAJECTORIES, _BATHS, _NEGATIVITY, _FISHER, _LIBRARIES)
    single = (PAPER, _CHEBYSHEV, _KRYLOVKIT, _QUTIP, _HASTINGS, _TDVP, _TENPY, _ITENSOR, _QUADRATURE, _JULIA)
    return (*single, *(reference for group in groups for reference in group))


def write(data: xr.Dataset | None = None, *, bibtex: bool = False) -> str:
    """What `pysv cite` prints.

    Parameters
    ----------
    data : xarray.Dataset, optional
        See `references`.
    bibtex : bool
        Entries of a BibTeX file in place of sentences.

    Returns
    -------
    str
    """
    found = references(data)
    if bibtex:
        unique = {reference.key: reference for cited in found.values() for reference in cited}
        return "\n".join(reference.bibtex() for reference in unique.values())
    blocks = [
        "\n".join([f"{purpose}:", *(f"  {reference}" for reference in cited)]) for purpose, cited in found.items()
    ]
    return "\n\n".join(blocks)
