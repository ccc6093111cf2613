# The dominant space of θ for one charge of a bond, without a singular value decomposition of θ.

"Fewest directions by which a charge block can grow in one update."
const SPARE = 4
"Directions that a search adds to the known ones of a block, one to so many: where the bond is full, and where it grows."
const ADDED = (full=8, growing=4)
"Weights below this, relative to the total, are rounding and are discarded."
const FLOOR = 1e-15
"Part of the allowed weight that the bases of a bond may miss."
const MISSED = 0.02
"Part of the discarded weight that a full bond may discard in excess of the smallest possible, as estimated."
const EXCESS = 1e-4
"Random combinations of directions from which the excess is estimated."
const PROBES = 2
"Smallest part of the weight of θ that a search in single precision can be asked to miss."
const COARSE = 1e-12

"""
Directions of θ of one charge: θ = C·image, but for what the basis C misses. `basis` is nothing where C is the unit
matrix. `weights`, ascending, and `mixing` are the spectrum of image·Λ²·image†, with Λ the Schmidt values of the columns;
`missed` is the weight of θ that C misses.
"""
struct Space
    basis::Union{Nothing,Matrix{ComplexF64}}
    image::Matrix{ComplexF64}
    weights::Vector{Float64}
    mixing::Matrix{ComplexF64}
    missed::Float64
end

"Orthonormal basis of the columns of a matrix with at most as many columns as rows; the matrix is overwritten."
function orthonormal!(matrix::Matrix)
    _, factors = LAPACK.geqrf!(matrix)
    return LAPACK.orgqr!(matrix, factors)
end

"""
    polish!(basis, workspace)

Make nearly orthonormal columns orthonormal to rounding, by a Cholesky decomposition of their Gram matrix. False if they
are not even nearly so.
"""
function polish!(basis::Matrix{ComplexF64}, workspace::Workspace)
    gram = matrix!(workspace, ComplexF64, size(basis, 2), size(basis, 2))
    BLAS.herk!('U', 'C', 1.0, basis, 0.0, gram)
    all(j -> abs(real(gram[j, j]) - 1) < 1e-3, axes(gram, 1)) || return false
    _, failed = LAPACK.potrf!('U', gram)
    failed == 0 || return false
    BLAS.trsm!('R', 'U', 'N', 'N', one(ComplexF64), gram, basis)
    return true
end

"The elements of `source`, its columns multiplied by `factors`."
function scaled!(target::Matrix{T}, source, factors::Vector{Float64}) where {T}
    for j in axes(source, 2)
        factor = factors[j]
        @inbounds @simd for i in axes(source, 1)
            target[i, j] = factor * source[i, j]
        end
    end
    return target
end

"""
    Sector

θ of one charge: the matrix, the Schmidt value of each column, the weight of θ times them, and a guess of the
directions: `guess!` writes `known` columns.
"""
struct Sector{F}
    theta::Matrix{ComplexF64}
    schmidt::Vector{Float64}
    weight::Float64
    known::Int
    guess!::F
end

"""
    searched(T, sector, added, workspace)

Orthonormal basis, in double precision, of the range of θθ† (θ weighted) applied in precision T to the guess and to
spare directions, one to `added` known ones. Nothing where the whole space costs no more, or where rounding spoils it.
"""
function searched(::Type{T}, sector::Sector, added::Int, workspace::Workspace) where {T}
    rows, columns = size(sector.theta)
    count = sector.known + max(SPARE, sector.known ÷ added)
    3 * count < 2 * min(rows, columns) || return nothing
    basis = matrix!(workspace, ComplexF64, rows, count)
    used = workspace.used
    start = T === ComplexF64 ? basis : matrix!(workspace, T, rows, count)
    sector.guess!(start)
    rand!(Xoshiro(20240209), view(start, :, (sector.known + 1):count))
    weighted = scaled!(matrix!(workspace, T, rows, columns), sector.theta, sector.schmidt)
    narrow = mul!(matrix!(workspace, T, columns, count), weighted', start)
    found = orthonormal!(mul!(start, weighted, narrow))
    sound = T === ComplexF64 || polish!(copyto!(basis, found), workspace)
    release!(workspace, used)
    return sound ? basis : nothing
end

"""
    partial_space(sector, full, goal, workspace)

The `Space` of a block in which a search has found the heaviest directions. Where the bond is `full`, one search in
single precision is enough: `excess` says how good it is. Otherwise the space misses at most `goal` of the weight, if
need be after a search in double precision, and finally as the whole space.
"""
function partial_space(sector::Sector, full::Bool, goal::Float64, workspace::Workspace)
    for T in (ComplexF32, ComplexF64)
        T === ComplexF32 && goal < COARSE * sector.weight && continue
        basis = searched(T, sector, full ? ADDED.full : ADDED.growing, workspace)
        basis === nothing && break
        found = projected(basis, sector, workspace)
        (full || found.missed <= goal) && return found
        found.missed > 2 * goal && break  # not a matter of precision
    end
    return whole_space(sector, workspace)
end

"The `Space` of a block that misses nothing."
function whole_space(sector::Sector, workspace::Workspace)
    rows, columns = size(sector.theta)
    rows <= columns && return Space(nothing, sector.theta, diagonal(sector.theta, sector.schmidt, workspace)..., 0.0)
    basis = orthonormal!(scaled!(matrix!(workspace, ComplexF64, rows, columns), sector.theta, sector.schmidt))
    found = projected(basis, sector, workspace)
    return Space(found.basis, found.image, found.weights, found.mixing, 0.0)
end

"The space that a basis C spans."
function projected(basis::Matrix{ComplexF64}, sector::Sector, workspace::Workspace)
    image = mul!(matrix!(workspace, ComplexF64, size(basis, 2), size(sector.theta, 2)), basis', sector.theta)
    weights, mixing = diagonal(image, sector.schmidt, workspace)
    return Space(basis, image, weights, mixing, max(0.0, sector.weight - sum(weights)))
end

"Eigenvalues, ascending, and eigenvectors of MΛ²M†."
function diagonal(matrix::Matrix{ComplexF64}, schmidt::Vector{Float64}, workspace::Workspace)
    used = workspace.used
    gram = matrix!(workspace, ComplexF64, size(matrix, 1), size(matrix, 1))
    weighted = scaled!(matrix!(workspace, ComplexF64, size(matrix)...), matrix, schmidt)
    BLAS.herk!('U', 'N', 1.0, weighted, 0.0, gram)
    found = eigen!(Hermitian(gram, :U))
    release!(workspace, used)
    return found
end

"""
    excess(space, size, sector, workspace)

Estimate of the weight by which the `size` heaviest directions u of a space fall short of the heaviest ones of θ:
Σ |r|²/w to second order, with the weights w and the residuals r = θΛ²θ†u − w·u. The sum is the mean of
|Σ z r/√w|² over random z.
"""
function excess(space::Space, size::Int, sector::Sector, workspace::Workspace)
    (size == 0 || space.basis === nothing) && return 0.0
    used = workspace.used
    rows, columns = Base.size(sector.theta)
    heaviest = (length(space.weights) - size + 1):length(space.weights)
    chosen = view(space.mixing, :, heaviest)
    probes = randn!(Xoshiro(20240209), matrix!(workspace, ComplexF64, size, PROBES))
    roots = sqrt.(max.(view(space.weights, heaviest), floatmin()))
    here = mul!(matrix!(workspace, ComplexF64, rows, PROBES), space.basis, chosen * (probes ./ roots))
    narrow = mul!(matrix!(workspace, ComplexF64, columns, PROBES), sector.theta', here)
    narrow .*= sector.schmidt .^ 2
    mul!(here, space.basis, chosen * (probes .* roots))
    mul!(here, sector.theta, narrow, 1, -1)
    release!(workspace, used)
    return sum(abs2, here) / PROBES
end
