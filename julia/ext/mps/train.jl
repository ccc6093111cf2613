"A bond, or an end of the chain: charges left of it (ascending codes), their multiplicities, Schmidt values."
struct Leg
    charges::Vector{Int}
    sizes::Vector{Int}
    schmidt::Vector{Float64}
end

"""
    Train(chain, legs, tensors)

A right-canonical matrix-product state in blocks of the conserved charges, as in `pysv.mps.state.MatrixProductState`: a
tensor holds the blocks [left charge, local state] one after the other, each a matrix (right, left) here.
"""
struct Train
    chain::Chain
    legs::Vector{Leg}
    tensors::Vector{Vector{ComplexF64}}
end

function PySV.train(
    chain::Chain, counts::Int, charges::Int, sizes::Int, schmidt::Int, tensors::Int, sectors::Int, values::Int,
    elements::Int,
)
    number = array(Int64, counts, length(chain) + 1)
    charge, size_ = array(Int64, charges, sectors), array(Int64, sizes, sectors)
    value, flat = array(Float64, schmidt, values), array(ComplexF64, tensors, elements)
    legs, begun, filled = Leg[], 0, 0
    for count in number
        here = (begun + 1):(begun + count)
        states = sum(size_[here])
        push!(legs, Leg(charge[here], size_[here], value[(filled + 1):(filled + states)]))
        begun += count
        filled += states
    end
    parts, used = Vector{ComplexF64}[], 0
    for n in 1:length(chain)
        length_ = blocks(legs[n], legs[n + 1], chain.codes[n])[3]
        push!(parts, flat[(used + 1):(used + length_)])
        used += length_
    end
    used == elements || throw(DimensionMismatch("$elements elements, expected $used"))
    return Train(chain, legs, parts)
end

PySV.lengths(state::Train) =
    (sum(leg -> length(leg.charges), state.legs), sum(leg -> length(leg.schmidt), state.legs), sum(length, state.tensors))

function PySV.write!(state::Train, counts::Int, charges::Int, sizes::Int, schmidt::Int, tensors::Int)
    sectors, values, elements = lengths(state)
    copyto!(array(Int64, counts, length(state.legs)), [length(leg.charges) for leg in state.legs])
    copyto!(array(Int64, charges, sectors), reduce(vcat, [leg.charges for leg in state.legs]))
    copyto!(array(Int64, sizes, sectors), reduce(vcat, [leg.sizes for leg in state.legs]))
    copyto!(array(Float64, schmidt, values), reduce(vcat, [leg.schmidt for leg in state.legs]))
    copyto!(array(ComplexF64, tensors, elements), reduce(vcat, state.tensors))
    return nothing
end

"Index of a charge in an ascending list, 0 if it is absent."
function find(charges::Vector{Int}, charge::Int)
    place = searchsortedfirst(charges, charge)
    return place <= length(charges) && charges[place] == charge ? place : 0
end

"Right charge (0: none) and offset of each block [local state, left charge], and the size of the tensor."
function blocks(left::Leg, right::Leg, codes::Vector{Int})
    place, offset = zeros(Int, length(codes), length(left.charges)), zeros(Int, length(codes), length(left.charges))
    size = 0
    for (a, charge) in enumerate(left.charges), (p, code) in enumerate(codes)
        b = find(right.charges, charge + code)
        place[p, a], offset[p, a] = b, size
        b == 0 || (size += left.sizes[a] * right.sizes[b])
    end
    return place, offset, size
end

"The block after `offset` elements, as a matrix (right, left)."
block(tensor::Vector{ComplexF64}, offset::Int, right::Int, left::Int) =
    reshape(view(tensor, (offset + 1):(offset + right * left)), right, left)

"The index of a leg."
link_index(leg::Leg, n::Int) =
    Index([quantum_numbers(code) => size for (code, size) in zip(leg.charges, leg.sizes)], "Link,l=$n")

function PySV.mps(state::Train)
    last = length(state.chain)
    links = [link_index(state.legs[n + 1], n) for n in 1:(last - 1)]
    tensors = map(1:last) do n
        place, _, _ = blocks(state.legs[n], state.legs[n + 1], state.chain.codes[n])
        held = [(place[p, a], p, a) for a in axes(place, 2) for p in axes(place, 1) if place[p, a] > 0]
        site = state.chain.sites[n]
        if n == 1
            indices, found = (dag(links[1]), site), [Block(b, p) for (b, p, _) in held]
        elseif n == last
            indices, found = (site, links[n - 1]), [Block(p, a) for (_, p, a) in held]
        else
            indices, found = (dag(links[n]), site, links[n - 1]), Block.(held)
        end
        tensor = BlockSparseTensor(ComplexF64, undef, found, indices)
        copyto!(NDTensors.data(tensor), state.tensors[n])
        itensor(tensor)
    end
    return MPS(tensors; ortho_lims=1:1)
end

# The charges of the legs follow from the local states: ITensor may choose any directions and fluxes of the indices.
function PySV.train(chain::Chain, psi::MPS)
    psi = orthogonalize(psi, length(psi))
    legs, tensors = [Leg([0], [1], [0.0])], Vector{ComplexF64}[]
    left_codes = [0]  # of the sectors of the link, in ITensor's order
    for n in 1:length(psi)
        left = n == 1 ? nothing : linkind(psi, n - 1)
        right = n == length(psi) ? nothing : linkind(psi, n)
        held, right_codes, right_sizes = sectors(psi[n], left, chain.sites[n], right, left_codes, chain.codes[n])
        order = sortperm(right_codes)
        allunique(right_codes) || throw(ArgumentError("a link has two sectors of one charge"))
        leg = Leg(right_codes[order], right_sizes[order], zeros(sum(right_sizes)))
        sector = sortperm(left_codes)
        flat = ComplexF64[]
        for a in sector, p in eachindex(chain.codes[n])
            b = findfirst(==(left_codes[a] + chain.codes[n][p]), right_codes)
            b === nothing && continue
            size_ = right_sizes[b], legs[n].sizes[findfirst(==(a), sector)]
            append!(flat, get(() -> zeros(ComplexF64, size_), held, (a, p)))
        end
        push!(tensors, flat)
        push!(legs, leg)
        left_codes = right_codes
    end
    return Train(chain, legs, tensors)
end

"Blocks (right, left) of a tensor by left sector and local state, and the charges and sizes of the right sectors."
function sectors(tensor::ITensor, left, site, right, left_codes, codes)
    order = filter(!isnothing, (right, site, left))
    sorted = ITensors.tensor(permute(tensor, order...))
    count = right === nothing ? 1 : nblocks(right)
    charges = fill(typemin(Int), count)
    sizes = right === nothing ? [1] : [blockdim(right, b) for b in 1:count]
    held = Dict{Tuple{Int,Int},Matrix{ComplexF64}}()
    for place in eachnzblock(sorted)
        at = Int.(Tuple(place))
        b, a = right === nothing ? 1 : at[1], left === nothing ? 1 : at[end]
        p = at[right === nothing ? 1 : 2]
        charges[b] = left_codes[a] + codes[p]
        held[a, p] = reshape(collect(ComplexF64, NDTensors.data(blockview(sorted, place))), sizes[b], :)
    end
    return held, charges, sizes
end
