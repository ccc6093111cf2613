"""
    example(T, width)

The Hamiltonian of one electron and 1+1 spins with one spin down on 6 sites, in tiles of `width` sites: three rows, and
every kind of term of H.
"""
function example(::Type{T}, width::Int) where {T}
    tile, column = [2, 3] .÷ width, [2, 3] .% width
    return Hamiltonian{T}(
        6, width, T[0.1, -0.1, -0.1], [0, 0, 1, 2], Int32[2, 1], Int32[1 -1 0; 2 0 -1],
        [count(<(t), tile) for t in 0:cld(6, width)], [0, 1], column, T[1.0, -0.2, 0.5],
    )
end

@setup_workload begin
    @compile_workload begin
        for T in (Float64, Float32), width in (6, 4)
            h = example(T, width)
            psi, previous, totals = zeros(T, shape(h)), zeros(T, shape(h)), zeros(T, shape(h)..., 1)
            psi[5, 1, 1] = 1
            factors, mixes = T[1 2; 0 0; 0 1], ones(T, 6, 1, 2)
            single = T === Float32
            GC.@preserve h psi previous totals factors mixes begin
                again = hamiltonian(
                    single, h.sites, width, 3, 2, 2, map(address, (h.diagonal, h.first, h.neighbour, h.partner))...,
                    map(address, (h.tile_first, h.tile_spin, h.tile_column, h.couplings))...,
                )
                for threads in unique((1, Threads.nthreads()))
                    recursion!(
                        again, map(address, (psi, previous, totals))..., 1, 0, size(psi, 3), address(factors),
                        address(mixes), 2, threads,
                    )
                end
                single && continue
                state = zeros(Complex{T}, width, 3, size(psi, 3))
                state[3, 1, 1] = 1
                GC.@preserve state propagate!(again, address(state), 0.1, 1e-6, 10, 1)
                extremes(again, 1e-3, 1)
            end
        end
        report()
    end
end
