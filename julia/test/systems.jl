"""
    random_system(rng, T; sites, width, kinds, spins)

A random Hamiltonian, and the same as a dense matrix over (site, row), term by term from its definition. The couplings
are random, and so are the blocks of rows, exchanges and partners of either layer. `kinds` are the sizes of the blocks.
"""
function random_system(rng, T; sites=11, width=4, kinds=(5, 12, 1, 9, 12, 5), spins=min(3, sites))
    places = sort(randperm(rng, sites)[1:spins]) .- 1  # site of each spin
    tiles, split = cld(sites, width), spins ÷ 2
    layers = map((places[1:split], places[(split + 1):end])) do mine
        random_layer(rng, T, kinds[randperm(rng, length(kinds))], mine, width, tiles)
    end
    h = PySV.Hamiltonian{T}(sites, width, layers..., randn(rng, T, 4))
    return h, dense(h, (places[1:split], places[(split + 1):end]))
end

function random_layer(rng, T, kinds, places, width, tiles)
    sizes, spins = sort(unique(kinds)), length(places)
    exchanges, partner = Vector{Int32}[], zeros(Int32, sum(sizes), spins)
    for (kind, size) in enumerate(sizes)
        before = sum(sizes[1:(kind - 1)])
        partner[before .+ (1:size), :] .= 0:(size - 1)
        for spin in 1:spins, (a, b) in Iterators.partition(randperm(rng, size)[1:(2 * (size ÷ 3))], 2)
            partner[before + a, spin], partner[before + b, spin] = b - 1, a - 1
        end
        ties = [a < b && rand(rng) < 0.8 for a in 1:size, b in 1:size]
        append!(exchanges, [findall(ties[a, :] .| ties[:, a]) .- 1 for a in 1:size])
    end
    tile = places .÷ width
    return PySV.Layer{T}(
        cumsum([0; kinds...]), randperm(rng, sum(kinds)) .- 1, [findfirst(==(kind), sizes) - 1 for kind in kinds],
        cumsum([0; sizes]), randn(rng, T, sum(sizes)), cumsum([0; length.(exchanges)]), reduce(vcat, exchanges), partner,
        [count(<(t), tile) for t in 0:tiles], collect(0:(spins - 1)), places .% width,
    )
end

function dense(h, places)
    rows = length(h.polarizer.rows)
    hopping, flip, sd = Float64.(h.couplings)
    matrix = zeros(h.sites, rows, h.sites, rows)
    for r in 1:rows, x in 2:(h.sites)
        matrix[x - 1, r, x, r] -= hopping
        matrix[x, r, x - 1, r] -= hopping
    end
    for (layer, sites) in zip((h.polarizer, h.analyzer), places), block in 1:length(layer.kind)
        inside = layer.rows[(layer.first[block] + 1):layer.first[block + 1]] .+ 1
        for (member, r) in enumerate(inside)
            place = layer.kind_first[layer.kind[block] + 1] + member
            for x in 1:(h.sites)
                matrix[x, r, x, r] += layer.diagonal[place]
                for n in (layer.exchange_first[place] + 1):layer.exchange_first[place + 1]
                    matrix[x, inside[layer.exchange[n] + 1], x, r] += flip
                end
            end
            for (spin, x) in enumerate(sites .+ 1)
                matrix[x, r, x, r] += sd
                matrix[x, inside[layer.partner[place, spin] + 1], x, r] -= 2 * sd
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
