"""
    random_system(rng, T; sites, width, strips, lengths)

A Hamiltonian with random couplings, exchanges and partners between `strips` strips of either electron spin and either
of two lengths, and the same as a dense matrix over (site, row), term by term from its definition.
"""
function random_system(rng, T; sites=11, width=4, strips=3, lengths=(5, 9), spins=min(3, sites))
    kinds = [(electron, class) for electron in 0:1 for class in 1:2 for _ in 1:strips]
    first = cumsum([0; [lengths[class] for (_, class) in kinds]])
    at(electron, class, i) = (2 * electron + class - 1) * strips + i  # number of a strip, from 1
    cross = [at(1 - electron, 3 - class, mod1(s, strips)) - 1 for (s, (electron, class)) in enumerate(kinds)]
    inner = [class == 1 ? 0 : lengths[1] for (_, class) in kinds]

    outer = [Int32[] for _ in kinds]
    for electron in 0:1, class in 1:2
        tie!(rng, outer, at(electron, class, 1):at(electron, class, strips))
    end
    ranks = [Int32[] for _ in 1:sum(lengths)]
    tie!(rng, ranks, 1:lengths[1])
    tie!(rng, ranks, lengths[1] .+ (1:lengths[2]); less=lengths[1])

    n_outer = spins ÷ 2
    outer_partner = fill(Int32(-1), n_outer, length(kinds))
    inner_partner = fill(Int32(-1), sum(lengths), spins - n_outer, 2)
    for spin in 1:n_outer, class in 1:2, (i, j) in matching(rng, strips, strips)
        outer_partner[spin, at(0, class, i)], outer_partner[spin, at(1, class, j)] = at(1, class, j) - 1, at(0, class, i) - 1
    end
    for spin in 1:(spins - n_outer)
        for (a, b) in matching(rng, lengths...)  # electron up with the first class, down with the second
            inner_partner[a, spin, 1], inner_partner[lengths[1] + b, spin, 2] = b - 1, a - 1
        end
        for (a, b) in matching(rng, lengths...)  # up with the second, down with the first
            inner_partner[lengths[1] + b, spin, 1], inner_partner[a, spin, 2] = a - 1, b - 1
        end
    end

    places = sort(randperm(rng, sites)[1:spins]) .- 1  # site of each spin
    tile = places .÷ width
    pieces = [
        [s - 1, k, min(k + 4, first[s + 1] - first[s])] for s in randperm(rng, length(kinds)) for
        k in 0:4:(first[s + 1] - first[s] - 1)
    ]
    h = PySV.Hamiltonian{T}(
        sites, width, first, [electron for (electron, _) in kinds], inner, cross, randn(rng, T, length(kinds)),
        randn(rng, T, sum(lengths)), cumsum([0; length.(outer)]), reduce(vcat, outer), cumsum([0; length.(ranks)]),
        reduce(vcat, ranks), outer_partner, inner_partner, reduce(hcat, pieces),
        [count(<(t), tile) for t in 0:cld(sites, width)], collect(0:(spins - 1)), places .% width, randn(rng, T, 4),
    )
    return h, dense(h, outer, ranks, places)
end

"Random ties among `members`, written into the lists of both ends, counted from 0 behind `less`."
function tie!(rng, lists, members; less=0)
    for a in members, b in members
        if a < b && rand(rng) < 0.7
            push!(lists[a], b - 1 - less)
            push!(lists[b], a - 1 - less)
        end
    end
end

"Some pairs of 1:m and 1:n, none of which occurs twice."
matching(rng, m, n) = [(i, j) for (i, j) in zip(randperm(rng, m), randperm(rng, n)) if rand(rng) < 0.7]

function dense(h, outer, ranks, places)
    rows = h.first[end]
    hopping, flip, sd = Float64.(h.couplings)
    matrix = zeros(h.sites, rows, h.sites, rows)
    row(strip, k) = h.first[strip + 1] + k + 1
    n_outer = size(h.outer_partner, 1)
    for strip in 0:(length(h.electron) - 1), k in 0:(h.first[strip + 2] - h.first[strip + 1] - 1), x in 1:h.sites
        r, place = row(strip, k), h.inner[strip + 1] + k + 1
        matrix[x, r, x, r] += h.outer_diagonal[strip + 1] + h.inner_diagonal[place]
        x > 1 && (matrix[x - 1, r, x, r] -= hopping)
        x < h.sites && (matrix[x + 1, r, x, r] -= hopping)
        for other in outer[strip + 1]
            matrix[x, row(other, k), x, r] += flip
        end
        for other in ranks[place]
            matrix[x, row(strip, other), x, r] += flip
        end
        for spin in findall(==(x - 1), places)
            if spin <= n_outer
                other = h.outer_partner[spin, strip + 1]
                partner = other < 0 ? 0 : row(other, k)
            else
                rank = h.inner_partner[place, spin - n_outer, h.electron[strip + 1] + 1]
                partner = rank < 0 ? 0 : row(h.cross[strip + 1], rank)
            end
            matrix[x, r, x, r] += partner == 0 ? -sd : sd
            partner == 0 || (matrix[x, partner, x, r] -= 2 * sd)
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

"The amplitudes over (site, row) of a state given as reals in tiles."
function flat(h, psi)
    amplitudes = reinterpret(reshape, complex(eltype(psi)), reshape(psi, 2, :))
    tiles = reshape(amplitudes, h.width, size(psi, 2), size(psi, 3))
    return reshape(permutedims(tiles, (1, 3, 2)), :, size(psi, 2))[1:(h.sites), :][:]
end
