"All calls that Python makes for several electrons: two electrons and two localized spins on five sites."
function several_electrons_workload()
    carrier, exchanged, states = [0, 0, 1, 1, 0], [0, 0, 1, 0], [3, 0, 0, 1, 0]
    potential, field, couplings = [-2.0, 0, 0, 0, 0], [0.0, 0, -1, 1, 0], [1.0, 0.5, 0.1, 0.1]
    lost, limited = zeros(4), zeros(Int, 4)
    GC.@preserve carrier exchanged states potential field couplings lost limited begin
        h = chain(5, map(address, (carrier, exchanged, potential, field, couplings))...)
        looking = search(h, address(states))
        for noise in (1e-4, 0.0)
            sweep!(looking, 20, 1e-16, noise)
        end
        variance(looking)
        state = found(looking)
        counts, sectors = zeros(Int, 6), lengths(state)[1]
        charges, sizes = zeros(Int, sectors), zeros(Int, sectors)
        schmidt, tensors = zeros(lengths(state)[2]), zeros(ComplexF64, lengths(state)[3])
        arrays = map(address, (counts, charges, sizes, schmidt, tensors))
        GC.@preserve counts charges sizes schmidt tensors begin
            write!(state, arrays...)
            state = train(h, arrays..., lengths(state)...)
        end
        product = train(h, MPS(ComplexF64, h.sites, states .+ 1))
        foreach(leg -> fill!(leg.schmidt, 1), product.legs)
        for _ in 1:4, parity in (0, 1), threads in unique((1, Threads.nthreads()))
            layer!(product, parity, 0.1, 2, 20, 1e-9, address(lost), address(limited), threads)
        end
    end
    return nothing
end

@setup_workload begin
    @compile_workload begin
        several_electrons_workload()
    end
end
