"""
    Layer{T}

One layer and the electron's spin, as the tables of `pysv.sectors.table.LayerTable` in their order: the blocks of
rows that the terms of this layer connect (`pysv.sectors.blocks`), and the spins of the layer on the tiles. Blocks,
rows, members, spins and tiles are numbered from 0, as in Python.

- `first` (blocks + 1), `rows`, `kind` (blocks): rows of each block, and its kind
- `kind_first` (kinds + 1), `diagonal` (members): members of each kind, and their longitudinal exchange, eV
- `exchange_first` (members + 1), `exchange`: members of the same kind that one exchange reaches
- `partner` (members, spins): member after the exchange of electron and spin; itself if the two are parallel
- `tile_first` (tiles + 1), `tile_spin`, `tile_column`: the spins of each tile and their columns in it
"""
struct Layer{T<:AbstractFloat}
    first::Vector{Int64}
    rows::Vector{Int32}
    kind::Vector{Int64}
    kind_first::Vector{Int64}
    diagonal::Vector{T}
    exchange_first::Vector{Int64}
    exchange::Vector{Int32}
    partner::Matrix{Int32}
    tile_first::Vector{Int64}
    tile_spin::Vector{Int64}
    tile_column::Vector{Int64}
end

"""
    Hamiltonian{T}

H of Eq. 7 on S^z sectors: hopping and the two layers, on the memory of the tables of
`pysv.sectors.hamiltonian.Hamiltonian.table`. `sites` is L_x, `width` the number of sites in a tile, and `couplings` are
γ, −2J and J_sd, eV. A state is an `Array{T,3}` with axes (re/im and site of the tile, row, tile).
"""
struct Hamiltonian{T<:AbstractFloat}
    sites::Int
    width::Int
    polarizer::Layer{T}
    analyzer::Layer{T}
    couplings::Vector{T}
end

"Number of tables of a layer, and of a Hamiltonian."
const LAYER_TABLES = fieldcount(Layer)
const TABLES = 2 * LAYER_TABLES + 1

"""
    hamiltonian(single, sites, width, list)

The Hamiltonian on the memory of NumPy's tables, whose reals are float32 if `single`. `list` is the address of an int64
array with one row for each table of FM_p, each table of FM_a, and the couplings. A row holds the address of the table
and two lengths, the last axis first; the second length of a vector is 1.
"""
function hamiltonian(single::Bool, sites::Int, width::Int, list::Int)
    return single ? hamiltonian(Float32, sites, width, list) : hamiltonian(Float64, sites, width, list)
end

function hamiltonian(::Type{T}, sites::Int, width::Int, list::Int) where {T}
    entries = array(Int64, list, 3, TABLES)
    table(kind, n) = array(eltype(kind), entries[1, n], entries[2:(1 + ndims(kind)), n]...)
    layer(before) = Layer{T}(ntuple(n -> table(fieldtype(Layer{T}, n), before + n), LAYER_TABLES)...)
    return Hamiltonian{T}(sites, width, layer(0), layer(LAYER_TABLES), table(Vector{T}, TABLES))
end

"Size (2·width, rows, tiles) of a state."
shape(h::Hamiltonian) = (2 * h.width, length(h.polarizer.rows), cld(h.sites, h.width))

"Rows of the largest block of either layer."
largest_block(h::Hamiltonian) = maximum(maximum(diff(layer.first); init=0) for layer in (h.polarizer, h.analyzer))

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

"The exchange of one row, and the other terms from ψ in `own`: out ← term + flip·Σ ψ over `places`."
@inline function row!(term::F, out, to, own, from, psi, places::NTuple{N,Int}, length, flip) where {F,N}
    @inbounds @simd ivdep for j in 1:length
        out[to + j] = term(out, to + j, own, from + j) + flip * together_at(psi, places, j)
    end
    return nothing
end

@inline function row!(term::F, out, to, own, from, psi, ::Tuple{}, length, flip) where {F}
    @inbounds @simd ivdep for j in 1:length
        out[to + j] = term(out, to + j, own, from + j)
    end
    return nothing
end

"Sum of ψ over `places`, split into halves recursively."
@inline together_at(psi, places::Tuple{Int}, j) = @inbounds psi[places[1] + j]
@inline function together_at(psi, places::NTuple{N,Int}, j) where {N}
    half = N ÷ 2
    return together_at(psi, ntuple(i -> places[i], Val(half)), j) +
           together_at(psi, ntuple(i -> places[half + i], Val(N - half)), j)
end

"out ← out + flip·Σ ψ over `places`."
@inline function add!(out, to, psi, places::NTuple{4,Int}, length, flip)
    @inbounds @simd ivdep for j in 1:length
        out[to + j] += flip * together_at(psi, places, j)
    end
    return nothing
end

"`row!` for the places `place(n)`, n = first + 1 … last; the first pass takes the remainder, the others four each."
@inline function exchange!(term::F, out, to, own, from, psi, place::G, first, last, length, flip) where {F,G}
    count = last > first ? mod1(last - first, 4) : 0
    Base.Cartesian.@nif 5 d -> count == d - 1 d -> row!(
        term, out, to, own, from, psi, ntuple(i -> place(first + i), Val(d - 1)), length, flip
    )
    for n in (first + count + 1):4:last
        add!(out, to, psi, ntuple(i -> place(n - 1 + i), Val(4)), length, flip)
    end
    return nothing
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

"The sd exchange on a part of a tile. A parallel spin is its own partner: ψ − 2ψ = −ψ saves a branch."
@inline function sd!(out, psi, layer::Layer, tile, part, begun, count, base, full, sd)
    @inbounds for n in (layer.tile_first[tile + 1] + 1):layer.tile_first[tile + 2]
        place, spin = 2 * layer.tile_column[n] - part.before, layer.tile_spin[n] + 1
        0 <= place < part.length || continue
        column = part.start + place
        for i in 1:count
            here = column + layer.rows[begun + i] * full
            there = column + layer.rows[begun + layer.partner[base + i, spin] + 1] * full
            for j in 1:2
                out[here + j] += sd * (psi[here + j] - 2 * psi[there + j])
            end
        end
    end
    return nothing
end

"""
    complete!(out, psi, h, layer, block, tile, part, scale, shift, carried, around)

out ← out + scale·(L + T − shift)ψ on a block of a layer in the window's `part` of a tile; ψ counts as zero outside the
window. `carried` (2, rows of the block) holds the last sites of the block on the tile to the left, where ψ may be
overwritten; on return it holds those of this tile. `around` is work space for one row. Blocks and tiles count from 0.
"""
@inline function complete!(
    out::Array{T,3}, psi::Array{T,3}, h::Hamiltonian{T}, layer::Layer{T}, block::Int, tile::Int, part::Part, scale::T,
    shift::T, carried::Matrix{T}, around::Surrounded{T},
) where {T}
    full, extent, start = size(psi, 1), part.length, part.start
    next_tile = (tile + 1) * full * size(psi, 2)
    beyond = 2 * h.sites - tile * full - part.before
    @inbounds begin
        begun, count = layer.first[block + 1], layer.first[block + 2] - layer.first[block + 1]
        base = layer.kind_first[layer.kind[block + 1] + 1]
        hop, flip = scale * h.couplings[1], scale * h.couplings[2]
        place(n) = start + @inbounds(layer.rows[begun + layer.exchange[n] + 1]) * full
        for i in 1:count
            row, diagonal = layer.rows[begun + i] * full, scale * (layer.diagonal[base + i] - shift)
            here = start + row
            sizeof(psi) > CACHED && fetch!(out, start + layer.rows[begun + min(i + AHEAD, count)] * full, extent)
            first, last = layer.exchange_first[base + i], layer.exchange_first[base + i + 1]
            surround!(around, psi, here, extent, carried, i, next_tile + row, part.inner_left, part.inner_right)
            term(o, to, p, from) = @inbounds o[to] + diagonal * p[from] - hop * (p[from - 2] + p[from + 2])
            exchange!(term, out, here, around.numbers, around.at, psi, place, first, last, extent, flip)
            for j in 1:2
                beyond < extent && (out[here + beyond + j] = zero(T))  # hopping reaches one place beyond the chain
                carried[j, i] = psi[here + extent - 2 + j]
            end
        end
        sd!(out, psi, layer, tile, part, begun, count, base, full, scale * h.couplings[3])
    end
    return nothing
end

"""
    begin!(out, psi, h, layer, block, tile, part, scale, beta, coming_block, coming_part)

out ← scale·Lψ − beta·out on a block of a layer in the window's `part` of a tile. The rows of `out` that are next are
prefetched, unless `coming_block` is negative.
"""
@inline function begin!(
    out::Array{T,3}, psi::Array{T,3}, h::Hamiltonian{T}, layer::Layer{T}, block::Int, tile::Int, part::Part, scale::T,
    beta::T, coming_block::Int=-1, coming_part::Part=part,
) where {T}
    full, extent, start = size(psi, 1), part.length, part.start
    @inbounds begin
        begun, count = layer.first[block + 1], layer.first[block + 2] - layer.first[block + 1]
        fetching = sizeof(psi) > CACHED && coming_block >= 0
        coming = fetching ? layer.first[coming_block + 1] : 0
        coming_count = fetching ? layer.first[coming_block + 2] - coming : 0
        base, flip = layer.kind_first[layer.kind[block + 1] + 1], scale * h.couplings[2]
        place(n) = start + @inbounds(layer.rows[begun + layer.exchange[n] + 1]) * full
        for i in 1:count
            i <= coming_count && fetch!(out, coming_part.start + layer.rows[coming + i] * full, coming_part.length)
            here, diagonal = start + layer.rows[begun + i] * full, scale * layer.diagonal[base + i]
            term(o, to, p, from) = @inbounds diagonal * p[from] - beta * o[to]
            first, last = layer.exchange_first[base + i], layer.exchange_first[base + i + 1]
            exchange!(term, out, here, psi, here, psi, place, first, last, extent, flip)
        end
        sd!(out, psi, layer, tile, part, begun, count, base, full, scale * h.couplings[3])
    end
    return nothing
end
