"A state as reals, on the same memory. The caller keeps `psi` alive."
reals(psi::Array{Complex{T},3}) where {T} =
    unsafe_wrap(Array, Ptr{T}(pointer(psi)), (2 * size(psi, 1), size(psi, 2), size(psi, 3)))

"Hψ as a new array, for complex states and for their reals."
function (h::Hamiltonian{T})(psi::Array{Complex{T},3}, threads::Int) where {T}
    out = zero(psi)
    GC.@preserve psi out apply!(reals(out), reals(psi), h, threads)
    return out
end

(h::Hamiltonian{T})(psi::Array{T,3}, threads::Int) where {T} = apply!(zero(psi), psi, h, threads)

"""
    propagate!(h, psi, time, tolerance, dimension, threads)

ψ ← exp(−iH·time)ψ in place by KrylovKit's `exponentiate`: Lanczos iteration in subspaces of at most `dimension`
vectors. `time` is in 1/eV, `psi` is the address of a complex NumPy array (tiles, rows, width). Returns KrylovKit's
estimate of the error, whether it is below tolerance·|time|, and the number of applications of H.
"""
function propagate!(
    h::Hamiltonian{T}, psi::Int, time::Float64, tolerance::Float64, dimension::Int, threads::Int
) where {T}
    _, rows, tiles = shape(h)
    return propagate!(array(Complex{T}, psi, h.width, rows, tiles), h, time, tolerance, dimension, threads)
end

function propagate!(
    psi::Array{Complex{T},3}, h::Hamiltonian{T}, time::Float64, tolerance::Float64, dimension::Int, threads::Int
) where {T}
    evolved, info = exponentiate(
        x -> h(x, threads), -im * T(time), copy(psi); ishermitian=true, krylovdim=dimension, tol=T(tolerance),
        maxiter=100, eager=true,
        verbosity=0,
    )
    copyto!(psi, evolved)
    return Float64(info.normres), info.converged > 0, info.numops
end

"A Lanczos iteration of H, by KrylovKit, of which only the last vectors are kept."
struct Lanczos{I,F}
    iterator::I
    factorization::F
end

"Residual, relative to the largest one so far, below which the Lanczos vectors span an invariant subspace."
const INVARIANT = 1e-13

"""
    lanczos(h, threads)

A Lanczos iteration of H from a fixed random vector; `ends!` continues it.
"""
function lanczos(h::Hamiltonian{T}, threads::Int) where {T}
    start = randn(Xoshiro(20240209), T, shape(h))
    start[(2 * (h.sites - (size(start, 3) - 1) * h.width) + 1):end, :, end] .= 0  # beyond the chain
    iterator = LanczosIterator(x -> h(x, threads), start, ModifiedGramSchmidt(), false)
    return Lanczos(iterator, initialize(iterator))
end

"""
    ends!(lanczos, steps)

Continue an iteration by `steps` applications of H, or until it has an invariant subspace. Returns the lowest and the
highest Ritz value in eV, their residuals, and the number of all its applications.
"""
function ends!(lanczos::Lanczos, steps::Int)
    found = lanczos.factorization
    for _ in 1:steps
        normres(found) > INVARIANT * maximum(rayleighquotient(found).ev; init=0.0) || break
        expand!(lanczos.iterator, found)
    end
    ritz, count = rayleighquotient(found), length(found)
    low, high = (eigen(ritz, n:n) for n in (1, count))
    residuals = (normres(found) * abs(one_end.vectors[end]) for one_end in (low, high))
    return low.values[1], high.values[1], residuals..., count
end
