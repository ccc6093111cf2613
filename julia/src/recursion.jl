"""
    recursion!(psi, previous, totals, h, first_tile, last_tile, factors, mixes, threads)

Steps of a polynomial recursion in H, in place; `psi` and `previous` swap roles after each step:

    previous ← scale·(H − shift)ψ − beta·previous
    total ← keep·total + c·(new previous) + c'·ψ + c"·(old previous)        for each output whose `add` is not 0

`totals` has one state for each output, `factors` (3, steps) holds scale, shift and beta, `mixes` (8, outputs, steps)
Re c, Im c, Re c', Im c', Re c", Im c", keep and add. ψ must vanish outside the tiles `first_tile:last_tile`, where
nothing is read or written. All members of `threads` threads share the rows; nothing is allocated from step to step.
"""
function recursion!(
    psi::Array{T,3}, previous::Array{T,3}, totals::Array{T,4}, h::Hamiltonian{T}, first_tile::Int, last_tile::Int,
    factors::Matrix{T}, mixes::Array{T,3}, threads::Int,
) where {T}
    together(threads) do crew
        steps!(crew, psi, previous, totals, factors, mixes, h, first_tile, last_tile)
    end
    return nothing
end

"""
    recursion!(h, psi, previous, totals, outputs, begin_tile, end_tile, factors, mixes, steps, threads)

The same on NumPy arrays given by their addresses: `psi` and `previous` (tiles, rows, 2·width), `totals` with the axis of
the outputs before these, `factors` (steps, 3), `mixes` (steps, outputs, 8). The window begins at tile `begin_tile` and
ends before `end_tile`, counted from 0.
"""
function recursion!(
    h::Hamiltonian{T}, psi::Int, previous::Int, totals::Int, outputs::Int, begin_tile::Int, end_tile::Int, factors::Int,
    mixes::Int, steps::Int, threads::Int,
) where {T}
    size = shape(h)
    return recursion!(
        array(T, psi, size...), array(T, previous, size...), array(T, totals, size..., outputs), h, begin_tile,
        end_tile - 1, array(T, factors, 3, steps), array(T, mixes, 8, outputs, steps), threads,
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

"The share of one member of the crew in all steps."
function steps!(
    crew::Crew, psi::Array{T,3}, previous::Array{T,3}, totals::Array{T,4}, factors::Matrix{T}, mixes::Array{T,3},
    h::Hamiltonian{T}, first_tile::Int, last_tile::Int,
) where {T}
    old, new = psi, previous
    for step in axes(factors, 2)
        step!(crew, old, new, totals, factors, mixes, step, h, first_tile, last_tile)
        meet!(crew)
        old, new = new, old
    end
    return nothing
end

"Work on pieces of the rows, tile by tile, until none is left."
function step!(
    crew::Crew, old::Array{T,3}, new::Array{T,3}, totals::Array{T,4}, factors::Matrix{T}, mixes::Array{T,3},
    step::Int, h::Hamiltonian{T}, first_tile::Int, last_tile::Int,
) where {T}
    full, rows, pieces = size(old, 1), size(old, 2), size(h.pieces, 2)
    @inbounds scale, shift, beta = factors[1, step], factors[2, step], factors[3, step]
    while true
        tile, piece = divrem(next_block!(crew), pieces)
        tile += first_tile
        tile > last_tile && return nothing
        @inbounds strip, from, upto = h.pieces[1, piece + 1], h.pieces[2, piece + 1], h.pieces[3, piece + 1]
        here, count = (tile * rows + @inbounds(h.first[strip + 1]) + from) * full, (upto - from) * full
        for output in axes(mixes, 2)
            if @inbounds(mixes[8, output, step]) != 0
                begin_sum!(totals, (output - 1) * length(old) + here, new, here, count, mixes, output, step)
            end
        end
        rows!(new, old, h, tile, strip, from, upto, first_tile, last_tile, scale, shift, beta)
        for output in axes(mixes, 2)
            if @inbounds(mixes[8, output, step]) != 0
                end_sum!(totals, (output - 1) * length(old) + here, new, old, here, count, mixes, output, step)
            end
        end
    end
end

"`length` reals of `totals` become keep·total + c\"·before."
@inline function begin_sum!(
    totals::Array{T,4}, there::Int, before::Array{T,3}, here::Int, length::Int, mixes::Array{T,3}, output::Int,
    step::Int,
) where {T}
    @inbounds begin
        c, d, keep = mixes[5, output, step], mixes[6, output, step], mixes[7, output, step]
        @simd ivdep for j in 1:2:length
            fr, fi = before[here + j], before[here + j + 1]
            totals[there + j] = keep * totals[there + j] + c * fr - d * fi
            totals[there + j + 1] = keep * totals[there + j + 1] + c * fi + d * fr
        end
    end
    return nothing
end

"`length` reals of `totals` grow by c·new + c'·ψ."
@inline function end_sum!(
    totals::Array{T,4}, there::Int, new::Array{T,3}, psi::Array{T,3}, here::Int, length::Int, mixes::Array{T,3},
    output::Int, step::Int,
) where {T}
    @inbounds begin
        a, b, c, d = ntuple(i -> @inbounds(mixes[i, output, step]), Val(4))
        @simd ivdep for j in 1:2:length
            fr, fi, gr, gi = new[here + j], new[here + j + 1], psi[here + j], psi[here + j + 1]
            totals[there + j] += a * fr - b * fi + c * gr - d * gi
            totals[there + j + 1] += a * fi + b * fr + c * gi + d * gr
        end
    end
    return nothing
end

"""
    apply!(out, psi, h, threads)

out ← Hψ, both `Array`s of size (2·width, rows, tiles); what `out` held before must be finite.
"""
function apply!(out::Array{T,3}, psi::Array{T,3}, h::Hamiltonian{T}, threads::Int) where {T}
    factors, mixes, totals = reshape(T[1, 0, 0], 3, 1), zeros(T, 8, 0, 1), zeros(T, 0, 0, 0, 0)
    recursion!(psi, out, totals, h, 0, size(psi, 3) - 1, factors, mixes, threads)
    return out
end
