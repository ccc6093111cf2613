# Where the charge blocks of two neighbouring sites lie in a matrix for each charge of the bond between them. All matrices
# are transposed relative to the formulas of `pysv/mps/kernels.py`: θ of a centre charge has rows (local state, right
# charge) and columns (left charge, local state).

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
function stacked!(matrix, tensor, offset, places::Places, left::Leg, height::Int, k::Int)
    for a in axes(places.centre, 2), p in axes(places.centre, 1)
        places.centre[p, a] == k || continue
        copyto!(matrix, places.before[p, a] * height + 1, tensor, offset[p, a] + 1, height * left.sizes[a])
    end
    return matrix
end

"The right tensor's blocks that begin in centre charge k, one below the other: (rows, size of k)."
function side_by_side!(matrix, tensor, offset, places::Places, right::Leg, width::Int, k::Int)
    for q in axes(places.centre, 1)
        b = places.centre[q, k]
        b == 0 && continue
        height, row, from = right.sizes[b], places.before[q, k], offset[q, k]
        for j in 1:width
            @inbounds @simd for i in 1:height
                matrix[row + i, j] = tensor[from + (j - 1) * height + i]
            end
        end
    end
    return matrix
end

"The left tensor from its matrices (kept states, columns) for each charge of the new bond."
function left_tensor(left::Leg, leg::Leg, codes::Vector{Int}, turned)
    place, offset, size = blocks(left, leg, codes)
    tensor, columns = Vector{ComplexF64}(undef, size), column_places(left, codes, leg.charges)
    for a in axes(place, 2), p in axes(place, 1)
        m = place[p, a]
        m == 0 && continue
        height = leg.sizes[m]
        copyto!(tensor, offset[p, a] + 1, turned[m], columns.before[p, a] * height + 1, height * left.sizes[a])
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
