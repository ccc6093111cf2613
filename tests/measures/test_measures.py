"""Measures against states with a known answer, against QuTiP, and against themselves in another form."""

from __future__ import annotations

import math

import brute
import numpy as np
import pytest
import qutip
from hypothesis import given
from hypothesis import strategies as st

from pysv.errors import InvalidInputError
from pysv.measures import (
    Block,
    SpinDensity,
    entropy,
    flip_probabilities,
    layer_entropy,
    log_negativity,
    mutual_information,
    negativity_bound,
    partial_transpose,
    qfi,
    qfi_paper,
    w_fidelity,
)
from pysv.model.basis import Spins, configurations

LN2 = math.log(2)


def pure(vector, n_p, n_a):
    vector = np.asarray(vector, dtype=complex)
    vector = vector / np.linalg.norm(vector)
    return SpinDensity.from_dense(np.outer(vector, vector.conj()), n_p, n_a)


def basis_state(*bits):
    return np.eye(2 ** len(bits))[int("".join(map(str, bits)), 2)]


def random_density(seed: int, n_p: int, n_a: int, rank: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    size = 2 ** (n_p + n_a)
    factor = rng.normal(size=(size, rank)) + 1j * rng.normal(size=(size, rank))
    rho = factor @ factor.conj().T
    return rho / np.trace(rho)


def random_blocks(seed: int, n_p: int, n_a: int) -> SpinDensity:
    """A density matrix that commutes with S^z, as blocks; every second seed leaves some blocks out."""
    rng = np.random.default_rng(seed)
    n = n_p + n_a
    downs = [d for d in range(n + 1) if seed % 2 == 0 or rng.uniform() < 0.6] or [n // 2]
    blocks = []
    for d in downs:
        size = configurations(n, d).size
        factor = rng.normal(size=(size, 3)) + 1j * rng.normal(size=(size, 3))
        blocks.append(factor @ factor.conj().T)
    trace = sum(np.trace(block).real for block in blocks)
    return SpinDensity(
        Spins.of(n_p),
        Spins.of(n_a),
        tuple(Block(configurations(n, d), b / trace) for d, b in zip(downs, blocks, strict=True)),
    )


def test_bell_state_across_the_layers():
    rho = pure(basis_state(0, 1) + basis_state(1, 0), 1, 1)
    assert entropy(rho) == pytest.approx(0, abs=1e-12)
    assert layer_entropy(rho, "polarizer") == pytest.approx(LN2)
    assert mutual_information(rho) == pytest.approx(2 * LN2)
    assert log_negativity(rho) == pytest.approx(LN2)


def test_bell_state_inside_a_layer_entangles_nothing_across():
    rho = pure(np.kron(basis_state(0, 1) - basis_state(1, 0), basis_state(1)), 2, 1)
    assert log_negativity(rho) == pytest.approx(0, abs=1e-12)
    assert mutual_information(rho) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("weight", [0.2, 1 / 3, 0.5, 0.9])
def test_werner_state_is_entangled_above_one_third(weight):
    singlet = (basis_state(0, 1) - basis_state(1, 0)) / math.sqrt(2)
    rho = SpinDensity.from_dense(weight * np.outer(singlet, singlet) + (1 - weight) * np.eye(4) / 4, 1, 1)
    # Eigenvalues of the partial transpose: (1 + w)/4 three times and (1 − 3w)/4.
    assert log_negativity(rho) == pytest.approx(math.log(3 * (1 + weight) / 4 + abs(1 - 3 * weight) / 4), abs=1e-12)


def test_ghz_state():
    """GHZ of 2+2: one ebit across the layers; at k = 0 its Fisher information is the Heisenberg limit N per spin."""
    rho = pure(basis_state(0, 0, 0, 0) + basis_state(1, 1, 1, 1), 2, 2)
    positions = np.arange(4.0)
    assert log_negativity(rho) == pytest.approx(LN2)
    assert mutual_information(rho) == pytest.approx(2 * LN2)
    assert qfi(rho, positions, np.array([0.0]))[0] == pytest.approx(4)
    assert qfi_paper(rho, positions, np.array([0.0]))[0] == pytest.approx(16)


def test_w_state():
    """One flip shared by four spins, initial state all up."""
    vector = sum(basis_state(*bits) for bits in np.eye(4, dtype=int))
    rho = pure(vector, 2, 2)
    assert w_fidelity(rho, 0) == pytest.approx(1)
    np.testing.assert_allclose(flip_probabilities(*rho.probabilities, 0, 4), [0, 1, 0, 0, 0], atol=1e-12)
    assert log_negativity(rho) == pytest.approx(LN2)  # Schmidt weights 1/2, 1/2
    signed = basis_state(0, 0, 0, 1) + basis_state(0, 0, 1, 0) - basis_state(0, 1, 0, 0) - basis_state(1, 0, 0, 0)
    assert w_fidelity(pure(signed, 2, 2), 0) == pytest.approx(0, abs=1e-12)


def test_product_state():
    """Nothing is entangled; one spin of Bloch angle θ has variance sin²θ of σᶻ."""
    theta = 0.8
    one = np.array([math.cos(theta / 2), math.sin(theta / 2)])
    rho = pure(np.kron(np.kron(one, one), one), 1, 2)
    for measure in (entropy, mutual_information, log_negativity):
        assert measure(rho) == pytest.approx(0, abs=1e-9)
    k = np.array([0.0, 0.3, math.pi / 2])
    np.testing.assert_allclose(qfi_paper(rho, np.array([3.0, 7.0, 8.0]), k), 4 * math.sin(theta) ** 2, atol=1e-12)
    np.testing.assert_allclose(qfi(rho, np.array([3.0, 7.0, 8.0]), k), math.sin(theta) ** 2, atol=1e-12)


@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 2), st.integers(1, 6))
def test_random_states_against_qutip(seed, n_p, n_a, rank):
    matrix = random_density(seed, n_p, n_a, rank)
    rho = SpinDensity.from_dense(matrix, n_p, n_a)
    dims = [[2**n_p, 2**n_a]] * 2
    reference = qutip.Qobj(matrix, dims=dims)
    assert entropy(rho) == pytest.approx(qutip.entropy_vn(reference), abs=1e-9)
    assert layer_entropy(rho, "polarizer") == pytest.approx(qutip.entropy_vn(reference.ptrace(0)), abs=1e-9)
    assert layer_entropy(rho, "analyzer") == pytest.approx(qutip.entropy_vn(reference.ptrace(1)), abs=1e-9)
    transposed = qutip.partial_transpose(reference, [1, 0])
    np.testing.assert_allclose(next(iter(partial_transpose(rho))), transposed.full(), atol=1e-14)
    assert log_negativity(rho) == pytest.approx(math.log(transposed.norm("tr")), abs=1e-9)


@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 3))
def test_blocks_equal_the_dense_matrix(seed, n_p, n_a):
    """Block-diagonal and dense paths share no code beyond the eigensolver."""
    rho = random_blocks(seed, n_p, n_a)
    matrix = rho.dense()
    full = SpinDensity.from_dense(matrix, n_p, n_a)
    positions, k = np.arange(5.0, 5 + n_p + n_a), np.array([0.0, math.pi / 6, 2.0])
    for measure in (entropy, mutual_information, log_negativity):
        assert measure(rho) == pytest.approx(measure(full), abs=1e-9)
    assert log_negativity(rho) == pytest.approx(brute.log_negativity(matrix, n_p, n_a), abs=1e-9)
    np.testing.assert_allclose(qfi(rho, positions, k), qfi(full, positions, k), atol=1e-9)
    np.testing.assert_allclose(qfi(rho, positions, k), [brute.qfi_true(matrix, positions, x) for x in k], atol=1e-9)
    np.testing.assert_allclose(qfi_paper(rho, positions, k), qfi_paper(full, positions, k), atol=1e-12)
    np.testing.assert_allclose(rho.spin_expectations(), full.spin_expectations(), atol=1e-12)
    for initial in (0, 2 ** (n_p + n_a) - 1, 1):
        assert w_fidelity(rho, initial) == pytest.approx(w_fidelity(full, initial), abs=1e-12)


@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 3), st.integers(1, 8))
def test_properties_of_random_states(seed, n_p, n_a, rank):
    matrix = random_density(seed, n_p, n_a, rank)
    rho = SpinDensity.from_dense(matrix, n_p, n_a)
    n = n_p + n_a
    positions, k = np.arange(1.0, n + 1), np.array([0.4, 1.7])
    # The layer that is transposed does not matter: ρ^{T_a} = (ρ^{T_p})ᵀ.
    d_p, d_a = 2**n_p, 2**n_a
    other = matrix.reshape(d_p, d_a, d_p, d_a).transpose(0, 3, 2, 1).reshape(d_p * d_a, -1)
    assert log_negativity(rho) == pytest.approx(math.log(np.abs(np.linalg.eigvalsh(other)).sum()), abs=1e-9)
    assert log_negativity(rho) >= -1e-12
    # A mixed state's Fisher information is bounded by its variance, with equality for a pure state.
    fisher, variance = qfi(rho, positions, k), qfi_paper(rho, positions, k) / 4
    assert (fisher <= variance + 1e-9).all()
    if rank == 1:
        np.testing.assert_allclose(fisher, variance, atol=1e-9)
        schmidt = np.linalg.svd(np.linalg.eigh(matrix)[1][:, -1].reshape(d_p, d_a), compute_uv=False)
        assert log_negativity(rho) == pytest.approx(2 * math.log(schmidt.sum()), abs=1e-9)
        assert mutual_information(rho) == pytest.approx(2 * layer_entropy(rho, "polarizer"), abs=1e-7)


def test_mixtures_of_products_have_no_negativity():
    rng = np.random.default_rng(5)
    parts = [
        np.kron(random_density(int(s), 1, 1, 4), random_density(int(s) + 1, 1, 0, 2)) for s in rng.integers(0, 99, 6)
    ]
    rho = SpinDensity.from_dense(sum(parts) / 6, 2, 1)
    assert log_negativity(rho) == pytest.approx(0, abs=1e-12)
    assert mutual_information(rho) > 0


def test_what_is_not_a_density_matrix_is_refused():
    with pytest.raises(InvalidInputError, match=r"of 2\+1 spins has shape \(8, 8\), not \(4, 4\)"):
        SpinDensity.from_dense(np.eye(4), 2, 1)
    with pytest.raises(InvalidInputError, match="not Hermitian"):
        SpinDensity.from_dense(np.triu(np.ones((4, 4))), 1, 1)


@pytest.mark.parametrize(
    ("levels_p", "levels_a"), [((2,), (2,)), ((2, 2), (2, 2)), ((2, 2, 2), (2,)), ((3,), (2, 2)), ((4, 2), (3,))]
)
def test_the_bound_of_the_negativity(levels_p, levels_a):
    """Brute force over each sector: the rank of a random matrix, states below the bound, and one that reaches it."""

    def downs(levels):
        return np.array([sum(digits) for digits in np.ndindex(*levels)])

    def negativity(matrix):
        """From the dense partial transpose of the pure state with these amplitudes."""
        rho = np.einsum("ia,jb->iajb", matrix, matrix.conj()) / np.linalg.norm(matrix) ** 2
        size = matrix.size
        return np.log(np.abs(np.linalg.eigvalsh(rho.transpose(2, 1, 0, 3).reshape(size, size))).sum())

    one, other = Spins(levels_p), Spins(levels_a)
    total = np.add.outer(downs(levels_p), downs(levels_a))
    rng = np.random.default_rng(4)
    bounds = []
    for d in range(total.max() + 1):
        bounds.append(negativity_bound(one, other, [d]))
        amplitudes = np.where(total == d, rng.normal(size=total.shape) + 1j * rng.normal(size=total.shape), 0)
        assert bounds[-1] == pytest.approx(np.log(np.linalg.matrix_rank(amplitudes)), abs=1e-12)
        assert negativity(amplitudes) <= bounds[-1] + 1e-9
        left, _, right = np.linalg.svd(amplitudes)
        rank = np.linalg.matrix_rank(amplitudes)
        most = left[:, :rank] @ right[:rank]  # equal Schmidt coefficients in the same sector
        assert np.allclose(most[total != d], 0)
        assert negativity(most) == pytest.approx(bounds[-1], abs=1e-9)
    assert negativity_bound(one, other, range(total.max() + 1)) == max(bounds)


def test_the_bound_of_equal_layers_is_n_ln_2():
    for n in (1, 2, 4, 10):
        assert negativity_bound(Spins.of(n), Spins.of(n), (n - 1, n, n + 1)) == pytest.approx(n * LN2)


def test_a_mixture_of_sectors_stays_below_the_bound():
    for seed in range(6):
        rho = random_blocks(seed, 2, 2)
        reached = [d for block in rho.downs for d in block]
        assert log_negativity(rho) <= negativity_bound(Spins.of(2), Spins.of(2), reached) + 1e-12


def test_a_bound_of_no_sector_is_refused():
    with pytest.raises(
        InvalidInputError, match=r"downs = \[7\] has no sector of these spins; their down counts are 0 to 4"
    ):
        negativity_bound(Spins.of(2), Spins.of(2), [7])
