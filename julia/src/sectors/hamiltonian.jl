"""
    Group{T}

One group of localized spins and the electron's spin, as the tables of `pysv.sectors.table.GroupTable` in their order:
the blocks of rows that the terms of this group connect (`pysv.sectors.blocks`), and the spins of the group on the
tiles. Blocks, rows, members, spins and tiles are numbered from 0, as in Python. Energies are in eV.

- `first` (blocks + 1), `rows`, `kind` (blocks): rows of each block, and its kind
- `kind_first` (kinds + 1), `diagonal` (members): members of each kind, and what is diagonal in the localized spins
- `exchange_first` (members + 1), `exchange`, `exchange_weight`: members of the same kind that one exchange reaches, and
  the matrix elements of H
- `partner` (members, spins): member after the exchange of electron and spin; itself if they cannot trade
- `sd_diagonal`, `sd_trade` (members, spins): matrix elements of the sd exchange, the diagonal one and to the partner
- `tile_first` (tiles + 1), `tile_spin`, `tile_column`: the spins of each tile and their columns in it
"""
struct Group{T<:AbstractFloat}
    first::Vector{Int64}
    rows::Vector{Int32}
    kind::Vector{Int64}
    kind_first::Vector{Int64}
    diagonal::Vector{T}
    exchange_first::Vector{Int64}
    exchange::Vector{Int32}
    exchange_weight::Vector{T}
    partner::Matrix{Int32}
    sd_diagonal::Matrix{T}
    sd_trade::Matrix{T}
    tile_first::Vector{Int64}
    tile_spin::Vector{Int64}
    tile_column::Vector{Int64}
end

"A chain with one γ for all bonds and without a potential."
struct Uniform{T<:AbstractFloat}
    hopping::T
end

"""
A chain with three numbers for each place of the tiles, twice as the reals of a state: −γ of the bond on its left, −γ of
the bond on its right, and the potential. `places` is the number of reals; all first ones come first.
"""
struct Varied{T<:AbstractFloat}
    places::Int
    numbers::Vector{T}
end

"The chain of `pysv.sectors.table.Table` in one vector."
chain_of(numbers::Vector{T}) where {T} =
    length(numbers) == 1 ? Uniform{T}(numbers[1]) : Varied{T}(length(numbers) ÷ 3, numbers)

"""
    Hamiltonian{T}

H of one electron on S^z sectors: the chain and the two groups of spins, on the memory of the tables of
`pysv.sectors.hamiltonian.Hamiltonian.table`. `sites` is L_x and `width` the number of sites in a tile. A state is an
`Array{T,3}` with axes (re/im and site of the tile, row, tile).
"""
struct Hamiltonian{T<:AbstractFloat,C<:Union{Uniform{T},Varied{T}}}
    sites::Int
    width::Int
    one::Group{T}
    other::Group{T}
    chain::C
end

"Number of tables of a group, and of a Hamiltonian."
const GROUP_TABLES = fieldcount(Group)
const TABLES = 2 * GROUP_TABLES + 1

"""
    hamiltonian(single, sites, width, list)

The Hamiltonian on the memory of NumPy's tables, whose reals are float32 if `single`. `list` is the address of an int64
array with one row for each table of either group, and the chain. A row holds the address of the table and two lengths,
the last axis first; the second length of a vector is 1.
"""
function hamiltonian(single::Bool, sites::Int, width::Int, list::Int)
    return single ? hamiltonian(Float32, sites, width, list) : hamiltonian(Float64, sites, width, list)
end

function hamiltonian(::Type{T}, sites::Int, width::Int, list::Int) where {T}
    entries = array(Int64, list, 3, TABLES)
    table(kind, n) = array(eltype(kind), entries[1, n], entries[2:(1 + ndims(kind)), n]...)
    group(before) = Group{T}(ntuple(n -> table(fieldtype(Group{T}, n), before + n), GROUP_TABLES)...)
    return Hamiltonian(sites, width, group(0), group(GROUP_TABLES), chain_of(table(Vector{T}, TABLES)))
end

"Size (2·width, rows, tiles) of a state."
shape(h::Hamiltonian) = (2 * h.width, length(h.one.rows), cld(h.sites, h.width))

"Rows of the largest block of either layer."
largest_block(h::Hamiltonian) = maximum(maximum(diff(group.first); init=0) for group in (h.one, h.other))

"Prefetch distance, in rows, for memory that is used once in a block."
const AHEAD = 8

"Largest state that stays in the cache, in bytes; it needs no prefetch."
const CACHED = 4_000_000

"LLVM's prefetch for reading, into the second-level cache, of data. Not used with an LLVM of opaque pointers."
const PREFETCH = """
declare void @llvm.prefetch.p0i8(i8*, i32, i32, i32)
define void @entry(i64) alwaysinline {
    %place = inttoptr i64 %0 to i8*
    call void @llvm.prefetch.p0i8(i8* %place, i32 0, i32 2, i32 1)
    ret void
}
"""

"Prefetch `length` numbers of `psi` after element `from`."
@inline function fetch!(psi::Array{T}, from::Int, length::Int) where {T}
    @static if Base.libllvm_version < v"17"
        for j in 0:(64 ÷ sizeof(T)):(length - 1)
            place = UInt64(pointer(psi)) + (from + j) * sizeof(T)
            Base.llvmcall((PREFETCH, "entry"), Cvoid, Tuple{UInt64}, place)
        end
    end
    return nothing
end

# The loops below act on `length` elements of `out` after element `to`, and of `psi` after `from` or other elements.

"The exchange of one row, and the other terms from ψ in `own`: out ← term + Σ weight·ψ over `places`."
@inline function row!(
    term::F, out, to, own, from, psi, places::NTuple{N,Int}, weights::NTuple{N,Any}, length
) where {F,N}
    @inbounds @simd ivdep for j in 1:length
        out[to + j] = term(out, to + j, own, from + j) + together_at(psi, places, weights, j)
    end
    return nothing
end

@inline function row!(term::F, out, to, own, from, psi, ::Tuple{}, ::Tuple{}, length) where {F}
    @inbounds @simd ivdep for j in 1:length
        out[to + j] = term(out, to + j, own, from + j)
    end
    return nothing
end

"Σ weight·ψ at element j over up to four `places`."
@inline together_at(psi, places::NTuple{1,Int}, weights, j) = @inbounds weights[1] * psi[places[1] + j]
@inline together_at(psi, places::NTuple{2,Int}, weights, j) =
    @inbounds weights[1] * psi[places[1] + j] + weights[2] * psi[places[2] + j]
@inline together_at(psi, places::NTuple{3,Int}, weights, j) =
    @inbounds (weights[1] * psi[places[1] + j] + weights[2] * psi[places[2] + j]) + weights[3] * psi[places[3] + j]
@inline together_at(psi, places::NTuple{4,Int}, weights, j) =
    @inbounds (weights[1] * psi[places[1] + j] + weights[2] * psi[places[2] + j]) +
        (weights[3] * psi[places[3] + j] + weights[4] * psi[places[4] + j])

"out ← out + Σ weight·ψ over `places`."
@inline function add!(out, to, psi, places::NTuple{4,Int}, weights::NTuple{4,T}, length) where {T}
    @inbounds @simd ivdep for j in 1:length
        out[to + j] += together_at(psi, places, weights, j)
    end
    return nothing
end

"""
`row!` for the places `place(n)` with the weights `weight(n)`, n = first + 1 … last; the first pass takes the remainder,
the others four each.
"""
@inline function exchange!(
    term::F, out, to, own, from, psi, place::G, weight::W, first, last, length
) where {F,G,W}
    count = last > first ? mod1(last - first, 4) : 0
    Base.Cartesian.@nif 5 d -> count == d - 1 d -> row!(
        term, out, to, own, from, psi, ntuple(i -> place(first + i), Val(d - 1)),
        ntuple(i -> weight(first + i), Val(d - 1)), length,
    )
    for n in (first + count):4:(last - 1)
        add!(out, to, psi, ntuple(i -> place(n + i), Val(4)), ntuple(i -> weight(n + i), Val(4)), length)
    end
    return nothing
end

"(hopping + potential)·ψ, times `scale`, at element j of a part that begins after element `before` of the tiles."
@inline on_chain(chain::Uniform, scale, before, j, psi, from) =
    @inbounds -scale * chain.hopping * (psi[from - 2] + psi[from + 2])
@inline function on_chain(chain::Varied, scale, before, j, psi, from)
    n, numbers = before + j, chain.numbers
    return @inbounds scale * (
        numbers[n] * psi[from - 2] + numbers[chain.places + n] * psi[from + 2] +
        numbers[2 * chain.places + n] * psi[from]
    )
end

"""
    Surrounded{T}(length)

Work space for a row of `length` reals with one more site on either side. The row begins after element `at` of
`numbers`, at a cache line like the rows of a tile, which speeds up its loads and stores.
"""
struct Surrounded{T}
    numbers::Vector{T}
    at::Int
end

function Surrounded{T}(length::Int) where {T}
    line = 64 ÷ sizeof(T)
    numbers = zeros(T, length + 2 * line + 4)
    begun = Int(mod(-UInt(pointer(numbers)), 64)) ÷ sizeof(T)
    return Surrounded{T}(numbers, begun < 2 ? begun + line : begun)
end

"""
`around` becomes a row of ψ (after element `from`) between two sites of the adjacent tiles: on its left `carried[:, i]`,
on its right the site after element `right`. Without such a tile it gets zeros.
"""
@inline function surround!(around::Surrounded, psi, from, length, carried, i, right, inner_left, inner_right)
    numbers, at = around.numbers, around.at
    @inbounds @simd ivdep for j in 1:length
        numbers[at + j] = psi[from + j]
    end
    @inbounds for j in 1:2
        numbers[at - 2 + j] = inner_left ? carried[j, i] : zero(eltype(psi))
        numbers[at + length + j] = inner_right ? psi[right + j] : zero(eltype(psi))
    end
    return nothing
end

"""
    Part(psi, window, tile)

The part of a window (sites first … last, counted through the tiles from 0) in one tile.

- `start`: number of elements of ψ before the part in the first row of the tile
- `before`, `length`: reals of a row before the part, and in the part
- `inner_left`, `inner_right`: whether the window continues in the tile on the left and on the right
"""
struct Part
    start::Int
    before::Int
    length::Int
    inner_left::Bool
    inner_right::Bool
end

@inline function Part(psi::Array{<:Any,3}, window::UnitRange{Int}, tile::Int)
    full, rows = size(psi, 1), size(psi, 2)
    begun, ended = 2 * first(window) - tile * full, 2 * (last(window) + 1) - tile * full
    before = max(0, begun)
    return Part(tile * rows * full + before, before, min(full, ended) - before, begun < 0, ended > full)
end

"The window of all sites."
everywhere(h::Hamiltonian) = 0:(cld(h.sites, h.width) * h.width - 1)

"Tiles, from 0, that a window reaches."
tiles(window::UnitRange{Int}, width::Int) = (first(window) ÷ width):(last(window) ÷ width)

"The sd exchange on a part of a tile; a member that cannot trade is its own partner."
@inline function sd!(out, psi, group::Group, tile, part, begun, count, base, full, scale)
    @inbounds for n in (group.tile_first[tile + 1] + 1):group.tile_first[tile + 2]
        place, spin = 2 * group.tile_column[n] - part.before, group.tile_spin[n] + 1
        0 <= place < part.length || continue
        column = part.start + place
        for i in 1:count
            here = column + group.rows[begun + i] * full
            there = column + group.rows[begun + group.partner[base + i, spin] + 1] * full
            diagonal, trade = scale * group.sd_diagonal[base + i, spin], scale * group.sd_trade[base + i, spin]
            for j in 1:2
                out[here + j] += diagonal * psi[here + j] + trade * psi[there + j]
            end
        end
    end
    return nothing
end

"""
    complete!(out, psi, h, group, block, tile, part, scale, shift, carried, around)

out ← out + scale·(L + T − shift)ψ on a block of a group in the window's `part` of a tile; ψ counts as zero outside the
window. `carried` (2, rows of the block) holds the last sites of the block on the tile to the left, where ψ may be
overwritten; on return it holds those of this tile. `around` is work space for one row. Blocks and tiles count from 0.
"""
@inline function complete!(
    out::Array{T,3}, psi::Array{T,3}, h::Hamiltonian{T}, group::Group{T}, block::Int, tile::Int, part::Part, scale::T,
    shift::T, carried::Matrix{T}, around::Surrounded{T},
) where {T}
    full, extent, start = size(psi, 1), part.length, part.start
    next_tile, before = (tile + 1) * full * size(psi, 2), tile * full + part.before
    beyond = 2 * h.sites - before
    @inbounds begin
        begun, count = group.first[block + 1], group.first[block + 2] - group.first[block + 1]
        base = group.kind_first[group.kind[block + 1] + 1]
        place(n) = start + @inbounds(group.rows[begun + group.exchange[n] + 1]) * full
        weight(n) = scale * @inbounds(group.exchange_weight[n])
        for i in 1:count
            row, diagonal = group.rows[begun + i] * full, scale * (group.diagonal[base + i] - shift)
            here = start + row
            sizeof(psi) > CACHED && fetch!(out, start + group.rows[begun + min(i + AHEAD, count)] * full, extent)
            first, last = group.exchange_first[base + i], group.exchange_first[base + i + 1]
            surround!(around, psi, here, extent, carried, i, next_tile + row, part.inner_left, part.inner_right)
            term(o, to, p, from) = @inbounds o[to] + diagonal * p[from] +
                on_chain(h.chain, scale, before, from - around.at, p, from)
            exchange!(term, out, here, around.numbers, around.at, psi, place, weight, first, last, extent)
            for j in 1:2
                beyond < extent && (out[here + beyond + j] = zero(T))  # hopping reaches one place beyond the chain
                carried[j, i] = psi[here + extent - 2 + j]
            end
        end
        sd!(out, psi, group, tile, part, begun, count, base, full, scale)
    end
    return nothing
end

"""
    begin!(out, psi, h, group, block, tile, part, scale, beta, coming_block, coming_part)

out ← scale·Lψ − beta·out on a block of a group in the window's `part` of a tile. The rows of `out` that are next are
prefetched, unless `coming_block` is negative.
"""
@inline function begin!(
    out::Array{T,3}, psi::Array{T,3}, h::Hamiltonian{T}, group::Group{T}, block::Int, tile::Int, part::Part, scale::T,
    beta::T, coming_block::Int=-1, coming_part::Part=part,
) where {T}
    full, extent, start = size(psi, 1), part.length, part.start
    @inbounds begin
        begun, count = group.first[block + 1], group.first[block + 2] - group.first[block + 1]
        fetching = sizeof(psi) > CACHED && coming_block >= 0
        coming = fetching ? group.first[coming_block + 1] : 0
        coming_count = fetching ? group.first[coming_block + 2] - coming : 0
        base = group.kind_first[group.kind[block + 1] + 1]
        place(n) = start + @inbounds(group.rows[begun + group.exchange[n] + 1]) * full
        weight(n) = scale * @inbounds(group.exchange_weight[n])
        for i in 1:count
            i <= coming_count && fetch!(out, coming_part.start + group.rows[coming + i] * full, coming_part.length)
            here, diagonal = start + group.rows[begun + i] * full, scale * group.diagonal[base + i]
            term(o, to, p, from) = @inbounds diagonal * p[from] - beta * o[to]
            first, last = group.exchange_first[base + i], group.exchange_first[base + i + 1]
            exchange!(term, out, here, psi, here, psi, place, weight, first, last, extent)
        end
        sd!(out, psi, group, tile, part, begun, count, base, full, scale)
    end
    return nothing
end
