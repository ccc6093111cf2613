# Time evolution of a matrix-product state by gates on bonds, in charge blocks, as in `pysv/mps/kernels.py`. All
# matrices are transposed relative to the formulas there: θ of a centre charge has rows (local state, right charge) and
# columns (left charge, local state).

"Weights below this, relative to the total, are rounding and are discarded."
const FLOOR = 1e-15
"Fewest directions by which a charge block can grow in one update."
const SPARE = 4
"Elements of the tensors of a layer below which one thread is faster than several."
const SMALL = 3000

"Rule for the truncation of a bond; see `pysv.mps.backend.Truncation`."
struct Truncation
    least::Int
    most::Int
    allowed::Float64
end

"Places of the blocks [local state, outer charge] in two-site matrices: centre charge (0: none), first row or column."
struct Places
    centre::Matrix{Int}
    before::Matrix{Int}
    size::Vector{Int}
end

"Columns (left charge, local state) of each centre charge."
function column_places(left::Leg, codes::Vector{Int}, centre::Vector{Int})
    place = zeros(Int, length(codes), length(left.charges))
    before, size = zero(place), zeros(Int, length(centre))
    for (a, charge) in enumerate(left.charges), (p, code) in enumerate(codes)
        k = find(centre, charge + code)
        place[p, a] = k
        k == 0 && continue
        before[p, a] = size[k]
        size[k] += left.sizes[a]
    end
    return Places(place, before, size)
end

"Rows (local state, right charge) of each centre charge; the field `centre` of the result holds the right charge."
function row_places(right::Leg, codes::Vector{Int}, centre::Vector{Int})
    place = zeros(Int, length(codes), length(centre))
    before, size = zero(place), zeros(Int, length(centre))
    for (k, charge) in enumerate(centre), (q, code) in enumerate(codes)
        b = find(right.charges, charge + code)
        place[q, k] = b
        b == 0 && continue
        before[q, k] = size[k]
        size[k] += right.sizes[b]
    end
    return Places(place, before, size)
end

"Charges, ascending, that the bond between two sites can carry for given outer legs."
function centre_charges(left::Leg, codes_left::Vector{Int}, right::Leg, codes_right::Vector{Int})
    found = Int[]
    for charge in left.charges, code in codes_left
        any(next -> find(right.charges, charge + code + next) > 0, codes_right) && push!(found, charge + code)
    end
    return unique!(sort!(found))
end

"The left tensor's blocks that end in centre charge k, side by side: (size of k, columns)."
function stacked(tensor, offset, places::Places, left::Leg, height::Int, k::Int)
    matrix = Matrix{ComplexF64}(undef, height, places.size[k])
    for a in axes(places.centre, 2), p in axes(places.centre, 1)
        places.centre[p, a] == k || continue
        copyto!(matrix, places.before[p, a] * height + 1, tensor, offset[p, a] + 1, height * left.sizes[a])
    end
    return matrix
end

"The right tensor's blocks that begin in centre charge k, one below the other: (rows, size of k)."
function side_by_side(tensor, offset, places::Places, right::Leg, width::Int, k::Int)
    matrix = Matrix{ComplexF64}(undef, places.size[k], width)
    for q in axes(places.centre, 1)
        b = places.centre[q, k]
        b == 0 && continue
        rows = (places.before[q, k] + 1):(places.before[q, k] + right.sizes[b])
        matrix[rows, :] .= block(tensor, offset[q, k], right.sizes[b], width)
    end
    return matrix
end

"θ = gate times the product of the two tensors at bond n, for each centre charge of `wide`."
function two_sites(state::Train, n::Int, gate::Gate, wide::Vector{Int}, columns::Places, rows::Places)
    left, centre, right = state.legs[n], state.legs[n + 1], state.legs[n + 2]
    codes_left, codes_right = state.chain.codes[n], state.chain.codes[n + 1]
    _, offset_left, _ = blocks(left, centre, codes_left)
    _, offset_right, _ = blocks(centre, right, codes_right)
    old_columns = column_places(left, codes_left, centre.charges)
    old_rows = row_places(right, codes_right, centre.charges)
    theta = [zeros(ComplexF64, rows.size[k], columns.size[k]) for k in eachindex(wide)]
    d = length(codes_right)
    for k in eachindex(centre.charges)
        (old_columns.size[k] == 0 || old_rows.size[k] == 0) && continue
        product =
            side_by_side(state.tensors[n + 1], offset_right, old_rows, right, centre.sizes[k], k) *
            stacked(state.tensors[n], offset_left, old_columns, left, centre.sizes[k], k)
        for a in eachindex(left.charges), p in eachindex(codes_left)
            old_columns.centre[p, a] == k || continue
            for q in 1:d
                b = old_rows.centre[q, k]
                b == 0 && continue
                initial = (p - 1) * d + q
                for e in gate.first[initial]:(gate.first[initial + 1] - 1)
                    into = columns.centre[gate.left[e], a]
                    add_block!(
                        theta[into], rows.before[gate.right[e], into], columns.before[gate.left[e], a], product,
                        old_rows.before[q, k], old_columns.before[p, a], right.sizes[b], left.sizes[a], gate.value[e],
                    )
                end
            end
        end
    end
    return theta
end

"Add value·source to target, on `height` rows and `width` columns after the given ones."
function add_block!(target, row, column, source, from_row, from_column, height, width, value)
    @inbounds for j in 1:width
        @simd for i in 1:height
            target[row + i, column + j] += value * source[from_row + i, from_column + j]
        end
    end
    return nothing
end

"Orthonormal basis of the columns of a matrix with at most as many columns as rows; the matrix is overwritten."
function orthonormal!(matrix::Matrix{ComplexF64})
    _, factors = LAPACK.geqrf!(matrix)
    return LAPACK.orgqr!(matrix, factors)
end

"""
    column_space(theta, guess, allowed)

Orthonormal basis C, as columns, of the column space of θ, and C†θ. C spans the whole column space if that is cheap.
Otherwise it spans the range of θθ† applied to the guess and to some spare directions, if that misses at most the weight
`allowed`.
"""
function column_space(theta::Matrix{ComplexF64}, guess::Matrix{ComplexF64}, allowed::Float64)
    rows, columns = size(theta)
    count = size(guess, 2) + max(SPARE, size(guess, 2) ÷ 4)
    if 3 * count < 2 * min(rows, columns)
        start = Matrix{ComplexF64}(undef, rows, count)
        copyto!(start, guess)
        rand!(Xoshiro(20240209), view(start, :, (size(guess, 2) + 1):count))
        basis = orthonormal!(theta * (theta' * start))
        image = basis' * theta
        sum(abs2, theta) - sum(abs2, image) <= allowed && return basis, image
    end
    rows <= columns && return Matrix{ComplexF64}(I, rows, rows), theta
    basis = orthonormal!(copy(theta))
    return basis, basis' * theta
end

"""
    kept(weights, whole, rules)

Number of weights, in descending order, that a bond keeps: the fewest that discard less than `allowed` of the total, but
at least `least` (without negligible weights) and at most `most`. Also whether `most` forces more to be discarded.
"""
function kept(weights::Vector{Float64}, whole::Float64, rules::Truncation)
    above = count(>(FLOOR * whole), weights)
    needed, held = 0, 0.0
    while needed < above && whole - held > rules.allowed * whole
        needed += 1
        held += weights[needed]
    end
    return clamp(max(needed, min(rules.least, above)), 1, rules.most), needed > rules.most
end

"""
    update!(state, n, gate, rules)

Apply a gate to sites n and n + 1 and truncate the bond between them (M. B. Hastings, J. Math. Phys. 50, 095207 (2009)).
The right tensor becomes a basis of the dominant space of θ = gate·left·right weighted with the Schmidt values of the
outer leg, from the eigenvectors of a Gram matrix. The left tensor becomes the projection of θ on this basis. Returns
the discarded weight relative to the weight before, and whether `rules.most` forced it.
"""
function update!(state::Train, n::Int, gate::Gate, rules::Truncation)
    left, centre, right = state.legs[n], state.legs[n + 1], state.legs[n + 2]
    codes_left, codes_right = state.chain.codes[n], state.chain.codes[n + 1]
    wide = centre_charges(left, codes_left, right, codes_right)
    columns, rows = column_places(left, codes_left, wide), row_places(right, codes_right, wide)
    theta = two_sites(state, n, gate, wide, columns, rows)

    weighted = [weigh(theta[k], left, columns, k) for k in eachindex(wide)]
    whole = sum(matrix -> sum(abs2, matrix), weighted)
    spaces = map(eachindex(wide)) do k
        guess = old_directions(state, n, wide[k], rows.size[k])
        basis, image = column_space(weighted[k], guess, 0.02 * rules.allowed / length(wide) * whole)
        weights, mixing = eigen!(Hermitian(image * image'))
        (; basis, weights, mixing)
    end

    weights = sort!(reduce(vcat, [space.weights for space in spaces]); rev=true)
    count, limited = kept(weights, whole, rules)
    threshold = weights[count]
    sizes = [Base.count(>=(threshold), space.weights) for space in spaces]
    occupied = findall(>(0), sizes)
    total = sum(k -> sum(spaces[k].weights[(end - sizes[k] + 1):end]), occupied)
    schmidt = reduce(vcat, [sqrt.(max.(spaces[k].weights[(end - sizes[k] + 1):end], 0.0) ./ total) for k in occupied])
    leg = Leg(wide[occupied], sizes[occupied], schmidt)
    directions = [spaces[k].basis * spaces[k].mixing[:, (end - sizes[k] + 1):end] for k in occupied]
    turned = [rmul!(directions[m]' * theta[k], 1 / sqrt(total)) for (m, k) in enumerate(occupied)]

    state.tensors[n] = left_tensor(left, leg, codes_left, turned)
    state.tensors[n + 1] = right_tensor(leg, right, codes_right, directions)
    state.legs[n + 1] = leg
    return max(0.0, 1 - total / whole), limited
end

"θ with its columns multiplied by the Schmidt values of the left leg."
function weigh(theta::Matrix{ComplexF64}, left::Leg, columns::Places, k::Int)
    weighted, begun = similar(theta), 0
    for a in eachindex(left.charges)
        for p in axes(columns.centre, 1)
            columns.centre[p, a] == k || continue
            first = columns.before[p, a]
            for i in 1:left.sizes[a]
                @views weighted[:, first + i] .= left.schmidt[begun + i] .* theta[:, first + i]
            end
        end
        begun += left.sizes[a]
    end
    return weighted
end

"The present rows of the right tensor for a centre charge, as columns; none if the charge or its rows are new."
function old_directions(state::Train, n::Int, charge::Int, rows::Int)
    centre, right, codes = state.legs[n + 1], state.legs[n + 2], state.chain.codes[n + 1]
    k = find(centre.charges, charge)
    k == 0 && return zeros(ComplexF64, rows, 0)
    places = row_places(right, codes, centre.charges)
    places.size[k] == rows || return zeros(ComplexF64, rows, 0)
    return side_by_side(state.tensors[n + 1], blocks(centre, right, codes)[2], places, right, centre.sizes[k], k)
end

"The left tensor from its matrices (kept states, columns) for each charge of the new bond."
function left_tensor(left::Leg, leg::Leg, codes::Vector{Int}, turned)
    place, offset, size = blocks(left, leg, codes)
    tensor, columns = Vector{ComplexF64}(undef, size), column_places(left, codes, leg.charges)
    for a in axes(place, 2), p in axes(place, 1)
        m = place[p, a]
        m == 0 && continue
        copyto!(tensor, offset[p, a] + 1, turned[m], columns.before[p, a] * leg.sizes[m] + 1, leg.sizes[m] * left.sizes[a])
    end
    return tensor
end

"The right tensor from its matrices (rows, kept states) for each charge of the new bond."
function right_tensor(leg::Leg, right::Leg, codes::Vector{Int}, directions)
    place, offset, size = blocks(leg, right, codes)
    tensor, rows = Vector{ComplexF64}(undef, size), row_places(right, codes, leg.charges)
    for m in axes(place, 2), q in axes(place, 1)
        b = place[q, m]
        b == 0 && continue
        here = (rows.before[q, m] + 1):(rows.before[q, m] + right.sizes[b])
        block(tensor, offset[q, m], right.sizes[b], leg.sizes[m]) .= view(directions[m], here, :)
    end
    return tensor
end

"Whether the gate only multiplies the two sites, each in a product state, by a phase."
function idle(state::Train, n::Int, gate::Gate)
    any(leg -> length(leg.schmidt) > 1, state.legs[n:(n + 2)]) && return false
    pair = map(n:(n + 1)) do m
        findall(==(state.legs[m + 1].charges[1] - state.legs[m].charges[1]), state.chain.codes[m])
    end
    all(places -> length(places) == 1, pair) || return false  # a composite site may mix states of equal charge
    initial = (pair[1][1] - 1) * length(state.chain.codes[n + 1]) + pair[2][1]
    return gate.first[initial + 1] - gate.first[initial] == 1
end

"""
    layer!(state, parity, duration, least, most, allowed, lost, limited, threads)

Apply the gates exp(−i h τ) (τ in 1/eV) in place on every second bond, from the first one if `parity` is 0. The bonds
are on a dynamic schedule, the costly ones first. Adds the weight discarded on each bond to the float64 NumPy array at
address `lost`, and marks in the int64 array `limited` the bonds where `most` forced it.
"""
function layer!(
    state::Train, parity::Int, duration::Float64, least::Int, most::Int, allowed::Float64, lost::Int, limited::Int,
    threads::Int,
)
    all_bonds = length(state.chain) - 1
    layer!(
        state, parity, duration, Truncation(least, most, allowed), array(Float64, lost, all_bonds),
        array(Int64, limited, all_bonds), threads,
    )
    return nothing
end

function layer!(
    state::Train, parity::Int, duration::Float64, rules::Truncation, lost::Vector{Float64}, limited::Vector{Int},
    threads::Int,
)
    made = gates(state.chain, duration)
    active = [n for n in (1 + parity):2:(length(state.chain) - 1) if !idle(state, n, made[n])]
    sort!(active; by=n -> length(state.tensors[n]) * length(state.tensors[n + 1]), rev=true)
    sum(n -> length(state.tensors[n]), active; init=0) < SMALL && (threads = 1)
    before = BLAS.get_num_threads()
    BLAS.set_num_threads(1)
    try
        together(threads) do pool
            while (place = next_job!(pool)) < length(active)
                n = active[place + 1]
                weight, hit = update!(state, n, made[n], rules)
                lost[n] += weight
                limited[n] |= hit
            end
        end
    finally
        BLAS.set_num_threads(before)
    end
    return state
end
