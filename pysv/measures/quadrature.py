"""Trace norm of a large Hermitian matrix by stochastic Lanczos quadrature.

For a random unit vector z, uniform on the complex sphere, n z†|A|z has the mean Tr|A| and the variance
[Σ λ² − (Σ|λ|)²/n]·n/(n+1). Lanczos steps from z give a Gauss rule for z†|A|z (S. Ubaru, J. Chen and Y. Saad, SIAM J.
Matrix Anal. Appl. 38, 1075 (2017)). Two things are added:

- |λ| has a kink at 0, where most eigenvalues lie. The rules err to either side as their nodes move over it: the mean of
  the last eight is taken, and half of their standard deviation is stated as its error (on blocks of 6+6 and 7+7 spins
  it is 0.1 to 0.4 of the standard deviation).
- Tr A and Tr A² are known. What a probe errs in them is known, too, and so much of |λ| as a parabola in λ describes is
  corrected by it: the variance is that of the rest.

There is no reorthogonalisation: rounding adds copies of eigenvalues, which share the weight of one and leave the sum
alone (A. Greenbaum, Linear Algebra Appl. 113, 7 (1989)).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh_tridiagonal

from pysv.compute import thread_pool

SEED = 20241
"""Of the probes: one that is fixed, so that a run can be repeated."""
_MIN, _MAX = 4, 64
"""Probes."""
_CHECK, _STEPS = 10, 240
"""Lanczos steps between two looks at the error, and at most."""
_RULES = 8
"""Consecutive Gauss rules whose mean is taken."""


@dataclass(frozen=True)
class TraceNorm:
    """A trace norm.

    Parameters
    ----------
    value : float
    statistical : float
        Standard error of the mean over the probes.
    systematic : float
        Error of the quadrature.
    probes : int
    products : int
        Products with the matrix.
    """

    value: float
    statistical: float
    systematic: float
    probes: int
    products: int


@dataclass(frozen=True, eq=False)
class _Rule:
    """Quadrature of one probe: nodes λ and weights, which sum up to the number of rows."""

    nodes: np.ndarray
    weights: np.ndarray
    residual: float
    steps: int


def trace_norm(
    product: Callable[[np.ndarray], np.ndarray], rows: int, trace: float, square: float, error: float, seed: int
) -> TraceNorm:
    """Tr|A| of a Hermitian matrix.

    Parameters
    ----------
    product : callable
        x → A x, complex64 (rows,); called from several threads at a time.
    rows : int
        n.
    trace, square : float
        Tr A and Tr A².
    error : float
        Statistical error asked for. With 64 probes the estimate is returned as it is.
    seed : int
        Distinguishes the probes of this matrix from those of others.

    Returns
    -------
    TraceNorm
    """
    rules: list[_Rule] = []
    wanted = _MIN
    while True:
        found: list[_Rule | None] = [None] * (wanted - len(rules))
        first = len(rules)

        def probe(number: int, found: list[_Rule | None] = found, first: int = first) -> None:
            found[number] = _rule(product, rows, error / 2, np.random.default_rng([SEED, seed, first + number]))

        thread_pool.each(probe, range(len(found)))
        rules += [rule for rule in found if rule is not None]
        value, spread = _mean(rules, rows, trace, square)
        wanted = min(max(_MIN, int(np.ceil((spread / error) ** 2))), _MAX)
        if wanted <= len(rules):
            break
    residual = float(np.mean([rule.residual for rule in rules]))
    products = sum(rule.steps for rule in rules)
    return TraceNorm(value, spread / np.sqrt(len(rules)), residual, len(rules), products)


def _rule(product: Callable[[np.ndarray], np.ndarray], rows: int, error: float, random: np.random.Generator) -> _Rule:
    """Lanczos steps from a random vector until the error of the quadrature is below `error`."""
    z = random.standard_normal(rows) + 1j * random.standard_normal(rows)
    new = (z / np.linalg.norm(z)).astype(np.complex64)
    old = np.zeros_like(new)
    alpha: list[float] = []
    beta: list[float] = [0.0]
    while True:
        w = product(new)
        w -= np.float32(beta[-1]) * old
        alpha.append(float(np.vdot(new, w).real))
        w -= np.float32(alpha[-1]) * new
        beta.append(float(np.linalg.norm(w)))
        steps = len(alpha)
        if beta[-1] <= 1e-6 * max(*beta, abs(alpha[0])):  # z lies in so few eigenspaces; the rest would be rounding
            return _Rule(*_gauss(alpha, beta[1:-1], rows), 0.0, steps)
        if steps % _CHECK == 0:
            rules = [_gauss(alpha[:m], beta[1:m], rows) for m in range(steps - _RULES + 1, steps + 1)]
            residual = float(np.std([np.abs(nodes) @ weights for nodes, weights in rules])) / 2
            if residual <= error or steps >= _STEPS:
                nodes, weights = (np.concatenate(parts) for parts in zip(*rules, strict=True))
                return _Rule(nodes, weights / _RULES, residual, steps)
        old, new = new, w * np.float32(1 / beta[-1])


def _gauss(alpha: list[float], beta: list[float], rows: int) -> tuple[np.ndarray, np.ndarray]:
    nodes, vectors = eigh_tridiagonal(alpha, beta)
    return nodes, rows * vectors[0] ** 2


def _mean(rules: list[_Rule], rows: int, trace: float, square: float) -> tuple[float, float]:
    """Mean over the probes, each corrected by its errors in Tr A and Tr A², and the spread of one."""
    scale = max(float(np.abs(rule.nodes).max()) for rule in rules) or 1.0
    powers = [np.stack([(rule.nodes / scale) ** i for i in range(5)]) for rule in rules]
    even = np.array([power @ rule.weights for power, rule in zip(powers, rules, strict=True)])  # Tr λ^i
    odd = np.array(
        [power[:3] @ (rule.weights * np.abs(rule.nodes)) for power, rule in zip(powers, rules, strict=True)]
    )  # Tr |λ|λ^i
    norms = np.array([(rule.nodes**2) @ rule.weights for rule in rules])
    exact = np.array([rows, trace / scale, square / scale**2])

    def parabola(chosen: np.ndarray) -> np.ndarray:
        moments = even[chosen].mean(axis=0)
        normal = moments[np.add.outer(np.arange(3), np.arange(3))]
        return np.asarray(np.linalg.lstsq(normal, odd[chosen].mean(axis=0), rcond=None)[0])

    everyone = np.arange(len(rules))
    corrected = [
        odd[k, 0] - parabola(everyone != k) @ (even[k, :3] - exact)  # a parabola that the probe has no part in
        for k in everyone
    ]
    rest = norms.mean() - parabola(everyone >= 0) @ odd.mean(axis=0)
    return float(np.mean(corrected)), max(float(np.sqrt(max(rest, 0.0))), float(np.std(corrected, ddof=1)))
