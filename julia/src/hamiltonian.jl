"""
    Hamiltonian{T}

H of Eq. 7 on S^z sectors, as the tables that `pysv.hamiltonian.Hamiltonian.table` gives, on their own memory and in
their order; `pysv.strips` tells what they hold. Strips, rows, spins, sites and tiles are numbered from 0, as in Python.
A state is an `Array{T,3}` with axes (re/im and site of the tile, row, tile).

- `sites`, `width`: L_x and the sites of a tile
- `first` (strips + 1), `electron`, `inner`, `cross` (strips): rows of each strip, its electron spin, the place of its
  first configuration of FM_a, the strip of the other electron spin
- `outer_diagonal` (strips), `inner_diagonal`: longitudinal exchange in FM_p and FM_a, eV
- `outer_first`, `outer_exchange`: strips that one exchange in FM_p reaches
- `inner_first`, `inner_exchange`: ranks of the configurations that one exchange in FM_a reaches
- `outer_partner` (spins of FM_p, strips), `inner_partner` (configurations, spins of FM_a, 2): where electron and spin
  have traded their antiparallel spins, -1 where they are parallel
- `pieces` (3, pieces): strip, first row in it and the one behind the last: what one thread takes at a time
- `tile_first` (tiles + 1), `tile_spin`, `tile_column`: the spins of each tile and their columns in it
- `couplings`: γ, flip, sd, and the longitudinal one, eV
"""
struct Hamiltonian{T<:AbstractFloat}
    sites::Int
    width::Int
    first::Vector{Int64}
    electron::Vector{Int64}
    inner::Vector{Int64}
    cross::Vector{Int64}
    outer_diagonal::Vector{T}
    inner_diagonal::Vector{T}
    outer_first::Vector{Int64}
    outer_exchange::Vector{Int32}
    inner_first::Vector{Int64}
    inner_exchange::Vector{Int32}
    outer_partner::Matrix{Int32}
    inner_partner::Array{Int32,3}
    pieces::Matrix{Int64}
    tile_first::Vector{Int64}
    tile_spin::Vector{Int64}
    tile_column::Vector{Int64}
    couplings::Vector{T}
end

"Number of tables of a Hamiltonian."
const TABLES = fieldcount(Hamiltonian) - 2

"""
    hamiltonian(single, sites, width, list)

The Hamiltonian in the memory of NumPy's tables; `single` says whether their reals are float32. `list` is the address of
an int64 array with a row for each table: its address and its lengths along the axes, the last axis first, filled up
with ones to three.
"""
function hamiltonian(single::Bool, sites::Int, width::Int, list::Int)
    return single ? hamiltonian(Float32, sites, width, list) : hamiltonian(Float64, sites, width, list)
end

function hamiltonian(::Type{T}, sites::Int, width::Int, list::Int) where {T}
    entries = array(Int64, list, 4, TABLES)
    tables = ntuple(TABLES) do n
        kind = fieldtype(Hamiltonian{T}, n + 2)
        array(eltype(kind), entries[1, n], entries[2:(1 + ndims(kind)), n]...)
    end
    return Hamiltonian{T}(sites, width, tables...)
end

"Size (2·width, rows, tiles) of a state."
shape(h::Hamiltonian) = (2 * h.width, Int(h.first[end]), cld(h.sites, h.width))

# The loops below work on `length` elements of `out` behind element `to`, and of `psi` behind `a`, `b`, …

@inline function add!(out, to, psi, a, length, flip)
    @inbounds @simd ivdep for j in 1:length
        out[to + j] += flip * psi[a + j]
    end
end

@inline function add!(out, to, psi, a, b, length, flip)
    @inbounds @simd ivdep for j in 1:length
        out[to + j] += flip * (psi[a + j] + psi[b + j])
    end
end

@inline function add!(out, to, psi, a, b, c, d, length, flip)
    @inbounds @simd ivdep for j in 1:length
        out[to + j] += flip * ((psi[a + j] + psi[b + j]) + (psi[c + j] + psi[d + j]))
    end
end

"Add flip·ψ of all places `place(n)`, n = from … upto: four of them in one pass where there are as many."
@inline function exchange!(place::F, from, upto, out, to, psi, length, flip) where {F}
    n = from
    while n + 3 <= upto
        add!(out, to, psi, place(n), place(n + 1), place(n + 2), place(n + 3), length, flip)
        n += 4
    end
    if n + 1 <= upto
        add!(out, to, psi, place(n), place(n + 1), length, flip)
        n += 2
    end
    n <= upto && add!(out, to, psi, place(n), length, flip)
    return nothing
end

"`width` reals of `out` become diagonal·ψ − hopping·(neighbouring sites) − beta·out; the sites beyond the row's ends lie
behind `left` and `right`, in the next tiles."
@inline function hopping!(out, to, psi, a, left, right, width, diagonal, hopping, hop_left, hop_right, beta)
    @inbounds if width < 4  # a single site
        for j in 1:2
            out[to + j] =
                diagonal * psi[a + j] - hop_left * psi[left + j] - hop_right * psi[right + j] - beta * out[to + j]
        end
    else
        for j in 1:2
            out[to + j] =
                diagonal * psi[a + j] - hopping * psi[a + j + 2] - hop_left * psi[left + j] - beta * out[to + j]
        end
        @simd ivdep for j in 3:(width - 2)
            out[to + j] = diagonal * psi[a + j] - hopping * (psi[a + j - 2] + psi[a + j + 2]) - beta * out[to + j]
        end
        for j in 1:2
            k = width - 2 + j
            out[to + k] =
                diagonal * psi[a + k] - hopping * psi[a + k - 2] - hop_right * psi[right + j] - beta * out[to + k]
        end
    end
    return nothing
end

"""
    rows!(out, psi, h, tile, strip, from, upto, first_tile, last_tile, scale, shift, beta)

`out` becomes scale·(H − shift)ψ − beta·out on the rows `from`, …, `upto - 1` of a strip in a tile. Tiles outside
`first_tile:last_tile` are taken as empty. All numbers count from 0.
"""
@inline function rows!(
    out::Array{T,3}, psi::Array{T,3}, h::Hamiltonian{T}, tile::Int, strip::Int, from::Int, upto::Int, first_tile::Int,
    last_tile::Int, scale::T, shift::T, beta::T,
) where {T}
    full, rows = size(psi, 1), size(psi, 2)
    width = min(full, 2 * h.sites - tile * full)
    @inbounds begin
        start = (tile * rows + h.first[strip + 1]) * full  # the strip begins behind this element
        hopping, flip, sd = scale * h.couplings[1], scale * h.couplings[2], scale * h.couplings[3]
        hop_left, hop_right = tile > first_tile ? hopping : zero(T), tile < last_tile ? hopping : zero(T)
        left, right = tile > first_tile ? -rows * full + full - 2 : 0, tile < last_tile ? rows * full : 0
        outer, place = h.outer_diagonal[strip + 1] - shift, h.inner[strip + 1]
        begun, size_ = start + from * full, (upto - from) * full

        for k in from:(upto - 1)
            here = start + k * full
            diagonal = scale * (outer + h.inner_diagonal[place + k + 1])
            hopping!(
                out, here, psi, here, here + left, here + right, width, diagonal, hopping, hop_left, hop_right, beta
            )
            exchange!(
                n -> start + @inbounds(h.inner_exchange[n]) * full, h.inner_first[place + k + 1] + 1,
                h.inner_first[place + k + 2], out, here, psi, full, flip,
            )
        end
        tile_start = tile * rows
        exchange!(
            n -> (tile_start + @inbounds(h.first[h.outer_exchange[n] + 1]) + from) * full, h.outer_first[strip + 1] + 1,
            h.outer_first[strip + 2], out, begun, psi, size_, flip,
        )

        spins = size(h.outer_partner, 1)
        for n in (h.tile_first[tile + 1] + 1):h.tile_first[tile + 2]
            at, spin = 2 * h.tile_column[n], h.tile_spin[n]
            if spin < spins
                other = h.outer_partner[spin + 1, strip + 1]
                there = other < 0 ? begun : (tile_start + h.first[other + 1] + from) * full
                for k in 0:(upto - from - 1)
                    trade!(out, psi, begun + k * full + at, there + k * full + at, other >= 0, sd)
                end
            else
                crossed = h.cross[strip + 1]
                opposite = crossed < 0 ? start : (tile_start + h.first[crossed + 1]) * full
                electron = h.electron[strip + 1] + 1
                for k in from:(upto - 1)
                    rank = h.inner_partner[place + k + 1, spin - spins + 1, electron]
                    here = start + k * full + at
                    trade!(out, psi, here, rank < 0 ? here : opposite + rank * full + at, rank >= 0, sd)
                end
            end
        end
    end
    return nothing
end

"The sd exchange on one site of one row: −sd·ψ where the spins are parallel, else sd·(ψ − 2ψ of the partner)."
@inline function trade!(out, psi, here, there, antiparallel, sd)
    @inbounds for j in 1:2
        out[here + j] += antiparallel ? sd * (psi[here + j] - 2 * psi[there + j]) : -sd * psi[here + j]
    end
end
