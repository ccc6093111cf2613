"""
    random_system(rng, T; rows, sites, width, spins)

A Hamiltonian with random couplings, random ties between rows and random partners, and the same as a dense matrix over
(site, row), term by term from its definition.
"""
function random_system(rng, T; rows=7, sites=11, width=4, spins=3)
    neighbours = [Int32[] for _ in 1:rows]
    for a in 1:rows, b in (a + 1):rows
        if rand(rng) < 0.6
            push!(neighbours[a], b - 1)
            push!(neighbours[b], a - 1)
        end
    end
    partner = fill(Int32(-1), spins, rows)
    for spin in 1:spins
        order = randperm(rng, rows)
        for (a, b) in zip(order[1:2:(end - 1)], order[2:2:end])
            rand(rng) < 0.8 || continue
            partner[spin, a], partner[spin, b] = b - 1, a - 1
        end
    end
    at = sort(randperm(rng, sites)[1:spins]) .- 1  # site of each spin, from 0
    tile = at .÷ width
    h = PySV.Hamiltonian{T}(
        sites, width, randn(rng, T, rows), cumsum([0; length.(neighbours)]), reduce(vcat, neighbours), partner,
        [count(<(t), tile) for t in 0:cld(sites, width)], collect(0:(spins - 1)), at .% width, randn(rng, T, 3),
    )
    return h, dense(h, neighbours, at)
end

function dense(h, neighbours, at)
    rows = length(h.diagonal)
    hopping, flip, sd = Float64.(h.couplings)
    matrix = zeros(h.sites, rows, h.sites, rows)
    for r in 1:rows, x in 1:h.sites
        matrix[x, r, x, r] += h.diagonal[r]
        x > 1 && (matrix[x - 1, r, x, r] -= hopping)
        x < h.sites && (matrix[x + 1, r, x, r] -= hopping)
        for other in neighbours[r]
            matrix[x, other + 1, x, r] += flip
        end
    end
    for (spin, x) in enumerate(at .+ 1), r in 1:rows
        other = h.partner[spin, r] + 1
        if other == 0
            matrix[x, r, x, r] -= sd
        else
            matrix[x, r, x, r] += sd
            matrix[x, other, x, r] -= 2 * sd
        end
    end
    return reshape(matrix, h.sites * rows, h.sites * rows)
end

"A random complex state as reals in tiles, zero beyond the chain."
function random_state(rng, h::PySV.Hamiltonian{T}) where {T}
    psi = randn(rng, T, PySV.shape(h))
    psi[(2 * (h.sites - (size(psi, 3) - 1) * h.width) + 1):end, :, end] .= 0
    return psi ./ sqrt(sum(abs2, psi))
end

"The amplitudes over (site, row) of a state given as reals in tiles."
function flat(h, psi)
    amplitudes = reinterpret(reshape, complex(eltype(psi)), reshape(psi, 2, :))
    tiles = reshape(amplitudes, h.width, size(psi, 2), size(psi, 3))
    return reshape(permutedims(tiles, (1, 3, 2)), :, size(psi, 2))[1:(h.sites), :][:]
end
