"""
    random_system(rng, T; sites, width, kinds, spins, varied)

A random Hamiltonian, and the same as a dense matrix over (site, row), term by term from its definition. The couplings
are random, and so are the blocks of rows, exchanges and partners of either group. `kinds` are the sizes of the blocks;
with `varied` the chain has a hopping for each bond and a potential.
"""
function random_system(
    rng, T; sites=11, width=4, kinds=(5, 12, 1, 9, 12, 5), spins=min(3, sites), varied=rand(rng, Bool)
)
    places = sort(randperm(rng, sites)[1:spins]) .- 1  # site of each spin
    tiles, split = cld(sites, width), spins ÷ 2
    groups = map((places[1:split], places[(split + 1):end])) do mine
        random_group(rng, T, kinds[randperm(rng, length(kinds))], mine, width, tiles)
    end
    hops, potential = varied ? (randn(rng, T, sites - 1), randn(rng, T, sites)) : (fill(randn(rng, T), sites - 1), zeros(T, sites))
    numbers = zeros(T, 2, tiles * width, 3)
    for x in 1:(sites - 1), part in 1:2
        numbers[part, x, 2] = numbers[part, x + 1, 1] = -hops[x]
    end
    numbers[:, 1:sites, 3] .= transpose(potential)
    chain = varied ? PySV.chain_of(vec(numbers)) : PySV.Uniform{T}(sites > 1 ? hops[1] : one(T))
    h = PySV.Hamiltonian(sites, width, groups..., chain)
    return h, dense(h, (places[1:split], places[(split + 1):end]), hops, potential)
end

function random_group(rng, T, kinds, places, width, tiles)
    sizes, spins = sort(unique(kinds)), length(places)
    exchanges, weights, partner = Vector{Int32}[], Vector{T}[], zeros(Int32, sum(sizes), spins)
    diagonal, trade = randn(rng, T, sum(sizes), spins), zeros(T, sum(sizes), spins)
    for (kind, size) in enumerate(sizes)
        before = sum(sizes[1:(kind - 1)])
        partner[before .+ (1:size), :] .= 0:(size - 1)
        for spin in 1:spins, (a, b) in Iterators.partition(randperm(rng, size)[1:(2 * (size ÷ 3))], 2)
            partner[before + a, spin], partner[before + b, spin] = b - 1, a - 1
            trade[before + a, spin] = trade[before + b, spin] = randn(rng, T)
        end
        ties = [a < b && rand(rng) < 0.8 ? randn(rng, T) : zero(T) for a in 1:size, b in 1:size]
        ties += transpose(ties)
        for a in 1:size
            found = findall(!iszero, ties[a, :])
            push!(exchanges, found .- 1)
            push!(weights, ties[a, found])
        end
    end
    tile = places .÷ width
    return PySV.Group{T}(
        cumsum([0; kinds...]), randperm(rng, sum(kinds)) .- 1, [findfirst(==(kind), sizes) - 1 for kind in kinds],
        cumsum([0; sizes]), randn(rng, T, sum(sizes)), cumsum([0; length.(exchanges)]), reduce(vcat, exchanges),
        reduce(vcat, weights), partner, diagonal, trade, [count(<(t), tile) for t in 0:tiles],
        collect(0:(spins - 1)), places .% width,
    )
end

function dense(h, places, hops, potential)
    rows = length(h.one.rows)
    matrix = zeros(h.sites, rows, h.sites, rows)
    for r in 1:rows
        for x in 1:(h.sites)
            matrix[x, r, x, r] += potential[x]
        end
        for x in 2:(h.sites)
            matrix[x - 1, r, x, r] -= hops[x - 1]
            matrix[x, r, x - 1, r] -= hops[x - 1]
        end
    end
    for (group, sites) in zip((h.one, h.other), places), block in 1:length(group.kind)
        inside = group.rows[(group.first[block] + 1):group.first[block + 1]] .+ 1
        for (member, r) in enumerate(inside)
            place = group.kind_first[group.kind[block] + 1] + member
            for x in 1:(h.sites)
                matrix[x, r, x, r] += group.diagonal[place]
                for n in (group.exchange_first[place] + 1):group.exchange_first[place + 1]
                    matrix[x, inside[group.exchange[n] + 1], x, r] += group.exchange_weight[n]
                end
            end
            for (spin, x) in enumerate(sites .+ 1)
                matrix[x, r, x, r] += group.sd_diagonal[place, spin]
                matrix[x, inside[group.partner[place, spin] + 1], x, r] += group.sd_trade[place, spin]
            end
        end
    end
    return reshape(matrix, h.sites * rows, h.sites * rows)
end

"A random complex state as reals in tiles, zero beyond the chain, normalised."
function random_state(rng, h::PySV.Hamiltonian{T}) where {T}
    psi = randn(rng, T, PySV.shape(h))
    psi[(2 * (h.sites - (size(psi, 3) - 1) * h.width) + 1):end, :, end] .= 0
    return psi ./ sqrt(sum(abs2, psi))
end

"Amplitudes over (site, row) of a state that is given as reals in tiles."
function flat(h, psi)
    amplitudes = reinterpret(reshape, complex(eltype(psi)), reshape(psi, 2, :))
    tiles = reshape(amplitudes, h.width, size(psi, 2), size(psi, 3))
    return reshape(permutedims(tiles, (1, 3, 2)), :, size(psi, 2))[1:(h.sites), :][:]
end
