"""
    Hamiltonian{T}

H of Eq. 7 on S^z sectors, as the tables that `pysv.hamiltonian.Hamiltonian.tables` gives, on their own memory. Rows,
spins and columns are numbered from 0, as in Python. A state is an `Array{T,3}` with axes (re/im and site of the tile,
row, tile).

- `sites`, `width`: L_x and the sites of a tile
- `diagonal` (rows): longitudinal exchange, eV
- `first` (rows + 1), `neighbour`: row `r` is tied to the rows `neighbour[first[r]:first[r+1]-1]`
- `partner` (spins, rows): row in which electron and spin have traded their antiparallel spins, -1 where parallel
- `tile_first` (tiles + 1), `tile_spin`, `tile_column`: the spins of each tile and their columns in it
- `couplings`: γ, flip and sd, eV
"""
struct Hamiltonian{T<:AbstractFloat}
    sites::Int
    width::Int
    diagonal::Vector{T}
    first::Vector{Int64}
    neighbour::Vector{Int32}
    partner::Matrix{Int32}
    tile_first::Vector{Int64}
    tile_spin::Vector{Int64}
    tile_column::Vector{Int64}
    couplings::Vector{T}
end

"""
    hamiltonian(single, sites, width, rows, spins, entries, addresses...)

The Hamiltonian in the memory of NumPy's tables, in the order of the fields of [`Hamiltonian`](@ref); `single` says
whether its reals are float32, `entries` is the length of `neighbour`.
"""
function hamiltonian(
    single::Bool, sites::Int, width::Int, rows::Int, spins::Int, entries::Int, diagonal::Int, first::Int,
    neighbour::Int, partner::Int, tile_first::Int, tile_spin::Int, tile_column::Int, couplings::Int,
)
    T = single ? Float32 : Float64
    return Hamiltonian{T}(
        sites, width, array(T, diagonal, rows), array(Int64, first, rows + 1), array(Int32, neighbour, entries),
        array(Int32, partner, spins, rows), array(Int64, tile_first, cld(sites, width) + 1),
        array(Int64, tile_spin, spins), array(Int64, tile_column, spins), array(T, couplings, 3),
    )
end

"Size (2·width, rows, tiles) of a state."
shape(h::Hamiltonian) = (2 * h.width, length(h.diagonal), cld(h.sites, h.width))

"""
    row!(out, psi, h, row, tile, first_tile, last_tile, scale, shift, beta)

Row `row` of tile `tile` of `out` becomes scale·(H − shift)ψ − beta·out. Tiles outside `first_tile:last_tile` are taken
as empty. All numbers count from 1.
"""
@inline function row!(
    out::Array{T,3}, psi::Array{T,3}, h::Hamiltonian{T}, row::Int, tile::Int, first_tile::Int, last_tile::Int,
    scale::T, shift::T, beta::T,
) where {T}
    full, rows = size(psi, 1), size(psi, 2)
    width = min(full, 2 * h.sites - (tile - 1) * full)
    start = (tile - 1) * rows * full  # the tile begins behind this element
    here = start + (row - 1) * full
    @inbounds begin
        hopping, flip, sd = scale * h.couplings[1], scale * h.couplings[2], scale * h.couplings[3]
        d = scale * (h.diagonal[row] - shift)
        if width < 4
            for j in 1:width
                out[here + j] = d * psi[here + j] - beta * out[here + j]
            end
        else
            for j in 1:2
                out[here + j] = d * psi[here + j] - hopping * psi[here + j + 2] - beta * out[here + j]
            end
            @simd ivdep for j in 3:(width - 2)
                out[here + j] =
                    d * psi[here + j] - hopping * (psi[here + j - 2] + psi[here + j + 2]) - beta * out[here + j]
            end
            for j in (width - 1):width
                out[here + j] = d * psi[here + j] - hopping * psi[here + j - 2] - beta * out[here + j]
            end
        end
        if tile > first_tile
            left = here - rows * full
            out[here + 1] -= hopping * psi[left + full - 1]
            out[here + 2] -= hopping * psi[left + full]
        end
        if tile < last_tile
            right = here + rows * full
            out[here + width - 1] -= hopping * psi[right + 1]
            out[here + width] -= hopping * psi[right + 2]
        end
        k, stop = h.first[row] + 1, h.first[row + 1]
        while k + 3 <= stop
            a, b = start + h.neighbour[k] * full, start + h.neighbour[k + 1] * full
            c, e = start + h.neighbour[k + 2] * full, start + h.neighbour[k + 3] * full
            @simd ivdep for j in 1:width
                out[here + j] += flip * ((psi[a + j] + psi[b + j]) + (psi[c + j] + psi[e + j]))
            end
            k += 4
        end
        while k <= stop
            a = start + h.neighbour[k] * full
            @simd ivdep for j in 1:width
                out[here + j] += flip * psi[a + j]
            end
            k += 1
        end
        for n in (h.tile_first[tile] + 1):h.tile_first[tile + 1]
            j = 2 * h.tile_column[n]
            partner = h.partner[h.tile_spin[n] + 1, row]
            if partner < 0
                out[here + j + 1] -= sd * psi[here + j + 1]
                out[here + j + 2] -= sd * psi[here + j + 2]
            else
                other = start + partner * full + j
                out[here + j + 1] += sd * (psi[here + j + 1] - 2 * psi[other + 1])
                out[here + j + 2] += sd * (psi[here + j + 2] - 2 * psi[other + 2])
            end
        end
    end
    return nothing
end
