"""
    recursion!(psi, previous, totals, h, first_tile, last_tile, factors, mixes, threads; from=1, upto=steps)

Steps of a polynomial recursion in H, in place; `psi` and `previous` swap roles after each step:

    previous ← scale·(H − shift)ψ − beta·previous
    total ← keep·total + c·(new previous) + c'·ψ        for each output whose `add` is not 0

`totals` has one state for each output, `factors` (3, steps) holds scale, shift and beta, `mixes` (6, outputs, steps)
Re c, Im c, Re c', Im c', keep and add. ψ must vanish outside the tiles `first_tile:last_tile`, where nothing is read or
written; what the arrays hold must be finite there, even where beta or keep are 0. All members of `threads` threads share
the blocks; nothing is allocated from step to step.

As in `pysv.kernels`, a step walks through the blocks of one layer, completes the new state there and begins the one
after it. One call may take the steps `from:upto` only, with `psi` and `previous` named as in the first: between calls
the older of the two is begun and not complete.
"""
function recursion!(
    psi::Array{T,3}, previous::Array{T,3}, totals::Array{T,4}, h::Hamiltonian{T}, first_tile::Int, last_tile::Int,
    factors::Matrix{T}, mixes::Array{T,3}, threads::Int; from::Int=1, upto::Int=size(factors, 2),
) where {T}
    together(threads) do crew
        steps!(crew, psi, previous, totals, factors, mixes, h, first_tile, last_tile, from, upto)
    end
    return nothing
end

"""
    recursion!(
        h, psi, previous, totals, outputs, begin_tile, end_tile, factors, mixes, steps, threads, begin_step, end_step
    )

The same on NumPy arrays given by their addresses: `psi` and `previous` (tiles, rows, 2·width), `totals` with the axis of
the outputs before these, `factors` (steps, 3), `mixes` (steps, outputs, 6). The window begins at tile `begin_tile` and
ends before `end_tile`, counted from 0, and so do the steps to be taken.
"""
function recursion!(
    h::Hamiltonian{T}, psi::Int, previous::Int, totals::Int, outputs::Int, begin_tile::Int, end_tile::Int, factors::Int,
    mixes::Int, steps::Int, threads::Int, begin_step::Int=0, end_step::Int=steps,
) where {T}
    size = shape(h)
    return recursion!(
        array(T, psi, size...), array(T, previous, size...), array(T, totals, size..., outputs), h, begin_tile,
        end_tile - 1, array(T, factors, 3, steps), array(T, mixes, 6, outputs, steps), threads;
        from=begin_step + 1, upto=end_step,
    )
end

"""
    recursions!(hamiltonians, list, threads)

The same for several states, one thread each. `list` is the address of an int64 array with a row for each Hamiltonian:
the addresses and lengths from `psi` to `steps`.
"""
function recursions!(hamiltonians::Vector{Hamiltonian{T}}, list::Int, threads::Int) where {T}
    numbers = array(Int64, list, 9, length(hamiltonians))
    together(min(threads, length(hamiltonians))) do crew
        while (job = next_block!(crew) + 1) <= length(hamiltonians)
            recursion!(hamiltonians[job], ntuple(n -> numbers[n, job], Val(9))..., 1)
        end
    end
    return nothing
end

"Several Hamiltonians as a vector, for `recursions!`."
collection(hamiltonians...) = [hamiltonians...]

"The share of one member of the crew in the steps."
function steps!(
    crew::Crew, psi::Array{T,3}, previous::Array{T,3}, totals::Array{T,4}, factors::Matrix{T}, mixes::Array{T,3},
    h::Hamiltonian{T}, first_tile::Int, last_tile::Int, from::Int, upto::Int,
) where {T}
    carried, around = zeros(T, 2, largest_block(h)), Surrounded{T}(size(psi, 1))
    if from == 1
        blocks = length(h.polarizer.kind)
        while (block = next_block!(crew)) < blocks
            for tile in first_tile:last_tile
                begin!(previous, psi, h, h.polarizer, block, tile, factors[1, 1], factors[3, 1], blocks, tile)
            end
        end
        meet!(crew)
    end
    for step in from:upto
        old, new = isodd(step) ? (psi, previous) : (previous, psi)
        layer = isodd(step) ? h.analyzer : h.polarizer
        sweep!(crew, old, new, totals, factors, mixes, step, h, layer, first_tile, last_tile, carried, around)
        meet!(crew)
    end
    return nothing
end

"Work on blocks, tile by tile, until none is left."
function sweep!(
    crew::Crew, old::Array{T,3}, new::Array{T,3}, totals::Array{T,4}, factors::Matrix{T}, mixes::Array{T,3}, step::Int,
    h::Hamiltonian{T}, layer::Layer{T}, first_tile::Int, last_tile::Int, carried::Matrix{T},
    around::Surrounded{T},
) where {T}
    full, rows, blocks, going_on = size(old, 1), size(old, 2), length(layer.kind), step < size(factors, 2)
    @inbounds scale, shift = factors[1, step], factors[2, step]
    @inbounds next_scale, next_beta = going_on ? (factors[1, step + 1], factors[3, step + 1]) : (zero(T), zero(T))
    while (block = next_block!(crew)) < blocks
        for tile in first_tile:last_tile
            complete!(new, old, h, layer, block, tile, first_tile, last_tile, scale, shift, carried, around)
            for output in axes(mixes, 2)
                @inbounds if mixes[6, output, step] != 0
                    begun, ended = layer.first[block + 1] + 1, layer.first[block + 2]
                    for n in begun:ended
                        here, ahead = (tile * rows + layer.rows[n]) * full, layer.rows[min(n + AHEAD, ended)]
                        total = (output - 1) * length(old)
                        sizeof(old) > CACHED && fetch!(totals, total + (tile * rows + ahead) * full, full)
                        add_up!(totals, total + here, new, old, here, full, mixes, output, step)
                    end
                end
            end
            if going_on
                coming = tile < last_tile ? (block, tile + 1) : (block + crew.members, first_tile)
                begin!(old, new, h, layer, block, tile, next_scale, next_beta, coming...)
            end
        end
    end
    return nothing
end

"`length` reals of `totals` become keep·total + c·new + c'·ψ."
@inline function add_up!(
    totals::Array{T,4}, there::Int, new::Array{T,3}, psi::Array{T,3}, here::Int, length::Int, mixes::Array{T,3},
    output::Int, step::Int,
) where {T}
    @inbounds begin
        a, b, c, d, keep = ntuple(i -> @inbounds(mixes[i, output, step]), Val(5))
        @simd ivdep for j in 1:2:length
            fr, fi, gr, gi = new[here + j], new[here + j + 1], psi[here + j], psi[here + j + 1]
            totals[there + j] = keep * totals[there + j] + a * fr - b * fi + c * gr - d * gi
            totals[there + j + 1] = keep * totals[there + j + 1] + a * fi + b * fr + c * gi + d * gr
        end
    end
    return nothing
end

"""
    apply!(out, psi, h, threads)

out ← Hψ, both `Array`s of size (2·width, rows, tiles); what `out` held before must be finite.
"""
function apply!(out::Array{T,3}, psi::Array{T,3}, h::Hamiltonian{T}, threads::Int) where {T}
    factors, mixes, totals = reshape(T[1, 0, 0], 3, 1), zeros(T, 6, 0, 1), zeros(T, 0, 0, 0, 0)
    recursion!(psi, out, totals, h, 0, size(psi, 3) - 1, factors, mixes, threads)
    return out
end
