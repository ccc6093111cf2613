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

"""
    extremes(h, tolerance, threads)

Lowest and highest eigenvalue of H in eV, the larger of their residuals, and the number of applications of H, by
KrylovKit's `eigsolve` from a fixed random vector.
"""
function extremes(h::Hamiltonian{T}, tolerance::Float64, threads::Int) where {T}
    start = randn(Xoshiro(20240209), T, shape(h))
    start[(2 * (h.sites - (size(start, 3) - 1) * h.width) + 1):end, :, end] .= 0  # beyond the chain
    low, high = map((:SR, :LR)) do which
        values, _, info = eigsolve(
            x -> h(x, threads), start, 1, which; issymmetric=true, krylovdim=30, maxiter=100, tol=T(tolerance),
            verbosity=0,
        )
        Float64(values[1]), Float64(info.normres[1]), info.numops
    end
    return low[1], high[1], max(low[2], high[2]), low[3] + high[3]
end
