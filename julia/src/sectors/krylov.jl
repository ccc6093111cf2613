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

"Largest number of Krylov vectors in one call of `extreme!`, which lasts seconds for ten million amplitudes."
const SEARCH_DIMENSION = 20
"Most calls of `extreme!` for one end of the spectrum."
const SEARCH_CALLS = 200

"A fixed random vector, zero beyond the chain, from which `extreme!` begins."
function search_vector(h::Hamiltonian{T}) where {T}
    start = randn(Xoshiro(20240209), T, shape(h))
    start[(2 * (h.sites - (size(start, 3) - 1) * h.width) + 1):end, :, end] .= 0
    return start
end

"""
    extreme!(vector, h, highest, tolerance, threads)

One Krylov space of KrylovKit's `eigsolve` from `vector`, which becomes the Ritz vector of the highest or the lowest
eigenvalue of H. Returns the Ritz value in eV, its residual, whether that is below `tolerance`, and the number of
applications of H.
"""
function extreme!(vector::Array{T,3}, h::Hamiltonian{T}, highest::Bool, tolerance::Float64, threads::Int) where {T}
    values, vectors, info = eigsolve(
        x -> h(x, threads), vector, 1, highest ? :LR : :SR; issymmetric=true, krylovdim=SEARCH_DIMENSION, maxiter=1,
        tol=T(tolerance), verbosity=0,
    )
    copyto!(vector, vectors[1])
    return Float64(values[1]), Float64(info.normres[1]), info.converged > 0, info.numops
end

"""
    extremes(h, tolerance, threads)

Lowest and highest eigenvalue of H in eV, the larger of their residuals, and the number of applications of H.
"""
function extremes(h::Hamiltonian, tolerance::Float64, threads::Int)
    low, high = map((false, true)) do highest
        vector, applications = search_vector(h), 0
        for call in 1:SEARCH_CALLS
            value, residual, converged, count = extreme!(vector, h, highest, tolerance, threads)
            applications += count
            (converged || call == SEARCH_CALLS) && return value, residual, applications
        end
    end
    return low[1], high[1], max(low[2], high[2]), low[3] + high[3]
end
