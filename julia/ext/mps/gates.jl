# Time evolution of a matrix-product state by gates on bonds, in charge blocks, as in `pysv/mps/kernels.py`.

"Elements of the tensors of a layer below which one thread is faster than several."
const SMALL = 3000

"θ = gate times the product of the two tensors at bond n, for each centre charge of `wide`."
function two_sites(
    state::Train, n::Int, gate::Gate, wide::Vector{Int}, columns::Places, rows::Places, workspace::Workspace
)
    left, centre, right = state.legs[n], state.legs[n + 1], state.legs[n + 2]
    codes_left, codes_right = state.chain.codes[n], state.chain.codes[n + 1]
    _, offset_left, _ = blocks(left, centre, codes_left)
    _, offset_right, _ = blocks(centre, right, codes_right)
    old_columns = column_places(left, codes_left, centre.charges)
    old_rows = row_places(right, codes_right, centre.charges)
    theta = [fill!(matrix!(workspace, ComplexF64, rows.size[k], columns.size[k]), 0) for k in eachindex(wide)]
    d = length(codes_right)
    begun = workspace.used
    for k in eachindex(centre.charges)
        high, wide_, size = old_rows.size[k], old_columns.size[k], centre.sizes[k]
        (high == 0 || wide_ == 0) && continue
        one, other, product = (
            matrix!(workspace, ComplexF64, shape...) for shape in ((size, wide_), (high, size), (high, wide_))
        )
        side_by_side!(other, state.tensors[n + 1], offset_right, old_rows, right, size, k)
        stacked!(one, state.tensors[n], offset_left, old_columns, left, size, k)
        mul!(product, other, one)
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
        release!(workspace, begun)
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
    update!(state, n, gate, rules, workspace)

Apply a gate to sites n and n + 1 and truncate the bond between them (M. B. Hastings, J. Math. Phys. 50, 095207 (2009)).
The right tensor becomes a basis of the dominant space of θ = gate·left·right weighted with the Schmidt values of the
outer leg, from the eigenvectors of a Gram matrix. The left tensor becomes the projection of θ on this basis. Returns
the discarded weight relative to the weight before, and whether `rules.most` forced it.
"""
function update!(state::Train, n::Int, gate::Gate, rules::Truncation, workspace::Workspace=Workspace())
    GC.@preserve workspace begin
        found = updated(state, n, gate, rules, workspace)
        release!(workspace)
    end
    state.legs[n + 1], state.tensors[n], state.tensors[n + 1] = found.leg, found.left, found.right
    return found.lost, found.limited
end

function updated(state::Train, n::Int, gate::Gate, rules::Truncation, workspace::Workspace)
    left, centre, right = state.legs[n], state.legs[n + 1], state.legs[n + 2]
    codes_left, codes_right = state.chain.codes[n], state.chain.codes[n + 1]
    wide = centre_charges(left, codes_left, right, codes_right)
    columns, rows = column_places(left, codes_left, wide), row_places(right, codes_right, wide)
    theta = two_sites(state, n, gate, wide, columns, rows, workspace)

    old_rows, offset = row_places(right, codes_right, centre.charges), blocks(centre, right, codes_right)[2]
    charges = map(eachindex(wide)) do k
        old = find(centre.charges, wide[k])
        known = old > 0 && old_rows.size[old] == rows.size[k] ? centre.sizes[old] : 0
        write_guess!(start) =
            known == 0 ? start : side_by_side!(start, state.tensors[n + 1], offset, old_rows, right, known, old)
        schmidt = column_weights(left, columns, k)
        Sector(theta[k], schmidt, weight_of(theta[k], schmidt), known, write_guess!)
    end
    whole = sum(sector -> sector.weight, charges)
    spaces, sizes, limited = heaviest(charges, whole, length(centre.schmidt) >= rules.most, rules, workspace)

    occupied = findall(>(0), sizes)
    total = sum(k -> sum(spaces[k].weights[(end - sizes[k] + 1):end]), occupied)
    schmidt = reduce(vcat, [sqrt.(max.(spaces[k].weights[(end - sizes[k] + 1):end], 0.0) ./ total) for k in occupied])
    leg = Leg(wide[occupied], sizes[occupied], schmidt)
    tensors = [projection(spaces[k], sizes[k], 1 / sqrt(total), workspace) for k in occupied]
    return (;
        leg, left=left_tensor(left, leg, codes_left, map(last, tensors)),
        right=right_tensor(leg, right, codes_right, map(first, tensors)), lost=max(0.0, 1 - total / whole), limited,
    )
end

"""
    heaviest(charges, whole, full, rules, workspace)

The `Space` of each charge, the number of directions to keep in each, and whether `rules.most` limits them. Where a
search was not good enough for the truncation that it leads to, the whole space takes its place.
"""
function heaviest(charges::Vector{<:Sector}, whole::Float64, full::Bool, rules::Truncation, workspace::Workspace)
    goal = MISSED * rules.allowed / length(charges) * whole
    spaces = [partial_space(sector, full, goal, workspace) for sector in charges]
    while true
        weights = sort!(reduce(vcat, [space.weights for space in spaces]); rev=true)
        count, limited = kept(weights, whole, rules)
        threshold = weights[count]
        sizes = [Base.count(>=(threshold), space.weights) for space in spaces]
        rough = findall(space -> space.missed > goal, spaces)
        again = limited ? filter(k -> sizes[k] == length(spaces[k].weights), rough) : rough
        if isempty(again) && !isempty(rough)
            lost = whole - sum(k -> sum(spaces[k].weights[(end - sizes[k] + 1):end]), eachindex(spaces))
            gained = sum(k -> excess(spaces[k], sizes[k], charges[k], workspace), rough)
            gained > EXCESS * lost && (again = rough)
        end
        isempty(again) && return spaces, sizes, limited
        for k in again
            spaces[k] = whole_space(charges[k], workspace)
        end
    end
end

"The `size` heaviest directions of a space, as columns, and θ projected on them and multiplied by `factor`."
function projection(space::Space, size::Int, factor::Float64, workspace::Workspace)
    mixing = view(space.mixing, :, (length(space.weights) - size + 1):length(space.weights))
    turned = matrix!(workspace, ComplexF64, size, Base.size(space.image, 2))
    mul!(turned, mixing', space.image, factor, 0)
    space.basis === nothing && return mixing, turned
    return mul!(matrix!(workspace, ComplexF64, Base.size(space.basis, 1), size), space.basis, mixing), turned
end

"Schmidt value of the left leg for each column of θ of centre charge k."
function column_weights(left::Leg, columns::Places, k::Int)
    found, begun = Vector{Float64}(undef, columns.size[k]), 0
    for a in eachindex(left.charges)
        for p in axes(columns.centre, 1)
            columns.centre[p, a] == k || continue
            copyto!(found, columns.before[p, a] + 1, left.schmidt, begun + 1, left.sizes[a])
        end
        begun += left.sizes[a]
    end
    return found
end

"Squared norm of θ with its columns multiplied by the Schmidt values."
weight_of(theta::Matrix{ComplexF64}, schmidt::Vector{Float64}) =
    sum(j -> schmidt[j]^2 * sum(abs2, view(theta, :, j)), axes(theta, 2); init=0.0)

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

function PySV.layer!(
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

# The bonds are on a dynamic schedule, the costly ones first.
function PySV.layer!(
    state::Train, parity::Int, duration::Float64, rules::Truncation, lost::Vector{Float64}, limited::Vector{Int},
    threads::Int,
)
    made = gates(state.chain, duration)
    active = [n for n in (1 + parity):2:(length(state.chain) - 1) if !idle(state, n, made[n])]
    sort!(active; by=n -> length(state.tensors[n]) * length(state.tensors[n + 1]), rev=true)
    sum(n -> length(state.tensors[n]), active; init=0) < SMALL && (threads = 1)
    threads > 1 && !sound_lapack() && (threads = 1)
    spare = state.chain.workspaces
    while length(spare) < threads
        push!(spare, Workspace())
    end
    members = Threads.Atomic{Int}(0)
    before = BLAS.get_num_threads()
    BLAS.set_num_threads(1)
    try
        together(threads) do pool
            workspace = spare[Threads.atomic_add!(members, 1) + 1]
            while (place = next_job!(pool)) < length(active)
                n = active[place + 1]
                weight, hit = update!(state, n, made[n], rules, workspace)
                lost[n] += weight
                limited[n] |= hit
            end
        end
    finally
        BLAS.set_num_threads(before)
    end
    return state
end
