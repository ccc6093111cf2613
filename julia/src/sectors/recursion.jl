"""
    recursion!(psi, previous, totals, h, window, factors, mixes, threads; from=1, upto=steps)

Steps of a polynomial recursion in H, in place; `psi` and `previous` swap roles after each step:

    previous ← scale·(H − shift)ψ − beta·previous
    total ← keep·total + c·(new previous) + c'·ψ        for each output whose `add` is not 0

`totals` has one state for each output. `factors` (3, steps) holds scale, shift and beta; `mixes` (6, outputs, steps)
holds Re c, Im c, Re c', Im c', keep and add. `window` is the range of active sites, counted through the tiles from 0: ψ
counts as zero outside, and nothing is read or written there. ψ must vanish beyond L_x. The arrays must hold finite
numbers, even where beta or keep is 0. The threads share the blocks; the steps allocate no memory.

As in `pysv.sectors.numba.recursion`, a step passes over the blocks of one group, completes the new state there and
begins the next one. A call may take only the steps `from:upto`; `psi` and `previous` are then the arrays of the first
call. Between calls the older of the two states is begun but not complete.
"""
function recursion!(
    psi::Array{T,3}, previous::Array{T,3}, totals::Array{T,4}, h::Hamiltonian{T}, window::UnitRange{Int},
    factors::Matrix{T}, mixes::Array{T,3}, threads::Int; from::Int=1, upto::Int=size(factors, 2),
) where {T}
    count = threads == 1 ? 1 : SHARES * threads
    shares = share_blocks(h.one.first, count), share_blocks(h.other.first, count)
    together(threads) do pool
        steps!(pool, psi, previous, totals, factors, mixes, h, window, shares, from, upto)
    end
    return nothing
end

"""
    recursion!(
        h, psi, previous, totals, outputs, begin_site, end_site, factors, mixes, steps, threads, begin_step, end_step
    )

The same on NumPy arrays, given by their addresses: `psi` and `previous` (tiles, rows, 2·width), `totals` (outputs,
tiles, rows, 2·width), `factors` (steps, 3), `mixes` (steps, outputs, 6). The window is `begin_site` … `end_site` − 1,
the steps are `begin_step` … `end_step` − 1, both counted from 0.
"""
function recursion!(
    h::Hamiltonian{T}, psi::Int, previous::Int, totals::Int, outputs::Int, begin_site::Int, end_site::Int, factors::Int,
    mixes::Int, steps::Int, threads::Int, begin_step::Int=0, end_step::Int=steps,
) where {T}
    size = shape(h)
    return recursion!(
        array(T, psi, size...), array(T, previous, size...), array(T, totals, size..., outputs), h,
        begin_site:(end_site - 1), array(T, factors, 3, steps), array(T, mixes, 6, outputs, steps), threads;
        from=begin_step + 1, upto=end_step,
    )
end

"""
    recursions!(hamiltonians, list, threads)

The same for several states in parallel, one thread each. `list` is the address of an int64 array with one row for each
Hamiltonian: the addresses and lengths from `psi` to `steps`.
"""
function recursions!(hamiltonians::Vector{<:Hamiltonian}, list::Int, threads::Int)
    numbers = array(Int64, list, 9, length(hamiltonians))
    together(min(threads, length(hamiltonians))) do pool
        while (job = next_job!(pool) + 1) <= length(hamiltonians)
            recursion!(hamiltonians[job], ntuple(n -> numbers[n, job], Val(9))..., 1)
        end
    end
    return nothing
end

"Several Hamiltonians as a vector, for `recursions!`."
collection(hamiltonians...) = [hamiltonians...]

"Number of chunks of the blocks for each thread, on a dynamic schedule."
const SHARES = 8

"The blocks, from 0, in at most `count` ranges of about equally many rows; block b begins at row `first[b + 1]`."
function share_blocks(first::Vector{Int64}, count::Int)
    cuts = unique!([searchsortedfirst(first, row) - 1 for row in range(0, first[end]; length=count + 1)])
    return [begun:(ended - 1) for (begun, ended) in zip(cuts, cuts[2:end])]
end

"The work of one member of the pool in the steps; `shares` are the chunks of the blocks of either group."
function steps!(
    pool::ThreadPool, psi::Array{T,3}, previous::Array{T,3}, totals::Array{T,4}, factors::Matrix{T}, mixes::Array{T,3},
    h::Hamiltonian{T}, window::UnitRange{Int}, shares::NTuple{2,Vector{UnitRange{Int}}}, from::Int, upto::Int,
) where {T}
    carried, around = zeros(T, 2, largest_block(h)), Surrounded{T}(size(psi, 1))
    if from == 1
        while (share = next_job!(pool) + 1) <= length(shares[1])
            for block in shares[1][share], tile in tiles(window, h.width)
                begin!(previous, psi, h, h.one, block, tile, Part(psi, window, tile), factors[1, 1], factors[3, 1])
            end
        end
        barrier!(pool)
    end
    for step in from:upto
        old, new = isodd(step) ? (psi, previous) : (previous, psi)
        group, ranges = isodd(step) ? (h.other, shares[2]) : (h.one, shares[1])
        while (share = next_job!(pool) + 1) <= length(ranges)
            sweep!(old, new, totals, factors, mixes, step, h, group, ranges[share], window, carried, around)
        end
        barrier!(pool)
    end
    return nothing
end

"One step on a range of blocks, tile by tile."
function sweep!(
    old::Array{T,3}, new::Array{T,3}, totals::Array{T,4}, factors::Matrix{T}, mixes::Array{T,3}, step::Int,
    h::Hamiltonian{T}, group::Group{T}, blocks::UnitRange{Int}, window::UnitRange{Int}, carried::Matrix{T},
    around::Surrounded{T},
) where {T}
    full, going_on, every_tile = size(old, 1), step < size(factors, 2), tiles(window, h.width)
    @inbounds scale, shift = factors[1, step], factors[2, step]
    @inbounds next_scale, next_beta = going_on ? (factors[1, step + 1], factors[3, step + 1]) : (zero(T), zero(T))
    for block in blocks, tile in every_tile
        part = Part(old, window, tile)
        complete!(new, old, h, group, block, tile, part, scale, shift, carried, around)
        for output in axes(mixes, 2)
            @inbounds if mixes[6, output, step] != 0
                begun, ended = group.first[block + 1] + 1, group.first[block + 2]
                for n in begun:ended
                    here, ahead = part.start + group.rows[n] * full, group.rows[min(n + AHEAD, ended)] * full
                    total = (output - 1) * length(old)
                    sizeof(old) > CACHED && fetch!(totals, total + part.start + ahead, part.length)
                    add_up!(totals, total + here, new, old, here, part.length, mixes, output, step)
                end
            end
        end
        if going_on
            coming, coming_tile = tile < last(every_tile) ? (block, tile + 1) : (block + 1, first(every_tile))
            coming > last(blocks) && (coming = -1)
            coming_part = Part(old, window, coming_tile)
            begin!(old, new, h, group, block, tile, part, next_scale, next_beta, coming, coming_part)
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

out ← Hψ, both `Array`s of size (2·width, rows, tiles). The initial content of `out` must be finite.
"""
function apply!(out::Array{T,3}, psi::Array{T,3}, h::Hamiltonian{T}, threads::Int) where {T}
    factors, mixes, totals = reshape(T[1, 0, 0], 3, 1), zeros(T, 6, 0, 1), zeros(T, 0, 0, 0, 0)
    recursion!(psi, out, totals, h, everywhere(h), factors, mixes, threads)
    return out
end
