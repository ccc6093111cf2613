"""
    example(T, width)

The Hamiltonian of one electron and 1+1 localized spins on 6 sites, in tiles of `width` sites, in the sector with one
spin down: its rows are ↑↑↓, ↑↓↑ and ↓↑↑ (electron, FM_p, FM_a). A group of one spin has kinds of one, two and one
members.
"""
function example(::Type{T}, width::Int) where {T}
    function group(rows, site)
        return Group{T}(
            [0, 1, 3], rows, [0, 1], [0, 1, 3, 4], zeros(T, 4), zeros(Int, 5), Int32[], T[], Int32[0; 1; 0; 0;;],
            T[-0.5; 0.5; 0.5; -0.5;;], T[0; -1; -1; 0;;], [count(<(t), site ÷ width) for t in 0:cld(6, width)], [0],
            [site % width],
        )
    end
    return Hamiltonian(6, width, group(Int32[0, 1, 2], 2), group(Int32[1, 0, 2], 3), Uniform{T}(1))
end

"All calls that Python makes for one electron."
function one_electron_workload()
    for T in (Float64, Float32), width in (6, 4)
        h = example(T, width)
        psi, previous, totals = zeros(T, shape(h)), zeros(T, shape(h)), zeros(T, shape(h)..., 1)
        psi[5, 1, 1] = 1
        factors, mixes = T[1 2; 0 0; 0 1], ones(T, 6, 1, 2)
        single = T === Float32
        GC.@preserve h psi previous totals factors mixes begin
            groups = (getfield(group, n) for group in (h.one, h.other) for n in 1:GROUP_TABLES)
            tables = (groups..., T[h.chain.hopping])
            list = reduce(hcat, [address(table), size(table)..., ones(Int, 2 - ndims(table))...] for table in tables)
            again = hamiltonian(single, h.sites, width, address(list))
            for threads in unique((1, Threads.nthreads()))
                recursion!(
                    again, map(address, (psi, previous, totals))..., 1, 0, h.sites, address(factors),
                    address(mixes), 2, threads,
                )
            end
            list = map(address, (psi, previous, totals))
            list = Int64[list..., 1, 0, h.sites, address(factors), address(mixes), 2]
            GC.@preserve list recursions!(collection(again), address(list), 1)
            single && continue
            state = zeros(Complex{T}, width, 3, size(psi, 3))
            state[3, 1, 1] = 1
            GC.@preserve state propagate!(again, address(state), 0.1, 1e-6, 10, 1)
            ends!(lanczos(again, 1), 2)
        end
    end
    return nothing
end

@setup_workload begin
    @compile_workload begin
        one_electron_workload()
        report()
    end
end
