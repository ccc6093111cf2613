"Operators of a chain on its whole product space, with explicit Jordan–Wigner strings."
struct Dense
    dims::Vector{Int}
end

Dense(chain::Several.Chain) = Dense([carrier ? 8 : 4 for carrier in chain.carrier])

unit(n) = Matrix{Float64}(I, n, n)
const TAKE = (up=[0 1 0 0; 0 0 0 0; 0 0 0 1; 0 0 0 0], down=[0 0 1 0; 0 0 0 -1; 0 0 0 0; 0 0 0 0])
const PARITY = [1 0 0 0; 0 -1 0 0; 0 0 -1 0; 0 0 0 1]
const SIGMA = (x=[0 1; 1 0], y=[0 -im; im 0], z=[1 0; 0 -1])

"Product of an operator of the electrons (4, 4) and one of the localized spin, on the space of site n."
local_operator(dense, n, electron, spin=unit(2)) = dense.dims[n] == 8 ? kron(electron, spin) : electron

"Kronecker product of one matrix for each site; the first site runs slowest."
everywhere(factors) = reduce(kron, factors)

take(dense, n, spin) = everywhere([
    local_operator(dense, m, m < n ? PARITY : m == n ? TAKE[spin] : unit(4)) for m in eachindex(dense.dims)
])

at(dense, n, matrix) = everywhere([m == n ? matrix : unit(dense.dims[m]) for m in eachindex(dense.dims)])

"H of a chain, term by term from Eqs. 7 and 21."
function dense_hamiltonian(chain::Several.Chain)
    dense = Dense(chain)
    hopping, sd, exchange, exchange_z = chain.couplings
    total = zeros(ComplexF64, prod(dense.dims), prod(dense.dims))
    for n in 1:length(chain)
        number = sum(take(dense, n, spin)' * take(dense, n, spin) for spin in (:up, :down))
        total += chain.potential[n] * number
        chain.carrier[n] || continue
        up, down = take(dense, n, :up), take(dense, n, :down)
        electron = (up' * down + down' * up, -im * (up' * down - down' * up), up' * up - down' * down)
        localized = [at(dense, n, kron(unit(4), sigma)) for sigma in SIGMA]
        total -= sd * sum(electron .* localized)
        total += chain.field[n] * localized[3]
    end
    for n in 1:(length(chain) - 1)
        for spin in (:up, :down)
            hop = take(dense, n, spin)' * take(dense, n + 1, spin)
            total -= hopping * (hop + hop')
        end
        chain.exchanged[n] || continue
        one, other = [[at(dense, m, kron(unit(4), sigma)) for sigma in SIGMA] for m in (n, n + 1)]
        total -= exchange * (one[1] * other[1] + one[2] * other[2]) + exchange_z * one[3] * other[3]
    end
    return total
end

"A product of local states, numbered from 1."
function product_train(chain::Several.Chain, states)
    charges = cumsum([0; [chain.codes[n][state] for (n, state) in enumerate(states)]])
    legs = [Several.Leg([charge], [1], [1.0]) for charge in charges]
    tensors = map(enumerate(states)) do (n, state)  # each state of equal charge has a block
        codes = chain.codes[n]
        [p == state ? 1.0 + 0im : 0.0 + 0im for p in eachindex(codes) if codes[p] == codes[state]]
    end
    return Several.Train(chain, legs, tensors)
end

"The state as a vector; the first site runs slowest."
function vector(state::Several.Train)
    psi = PySV.mps(state)
    whole = reduce(*, psi)
    return vec(Array(ITensors.dense(whole), reverse(state.chain.sites)...))
end

"A short chain with random couplings: two carriers with an exchange between two electron sites."
function random_chain(rng; potential=zeros(4), sd=rand(rng), field=zeros(4))
    return Several.Chain(
        [false, true, true, false], [false, true, false], potential, field, (0.5 + rand(rng), sd, rand(rng), rand(rng))
    )
end

"Evolve by `steps` Trotter steps of second order without truncation."
function evolve!(state, duration, steps; rules=PySV.Truncation(1, 10_000, 0.0), threads=1)
    lost, limited = zeros(length(state.chain) - 1), zeros(Int, length(state.chain) - 1)
    for _ in 1:steps, (parity, share) in ((0, 0.5), (1, 1.0), (0, 0.5))
        PySV.layer!(state, parity, share * duration / steps, rules, lost, limited, threads)
    end
    return lost, limited
end

@testset "H of a chain" begin
    rng = Xoshiro(1)
    chain = random_chain(rng; potential=randn(rng, 4), field=[0.0, 0.7, -0.4, 0.0])
    exact = dense_hamiltonian(chain)
    @testset "fermions anticommute" begin
        dense = Dense(chain)
        modes = [take(dense, n, spin) for n in 1:4 for spin in (:up, :down)]
        for (i, one) in enumerate(modes), (j, other) in enumerate(modes)
            @test one * other + other * one == zero(one)
            @test one * other' + other' * one == (i == j) * unit(size(one, 1))
        end
    end
    @testset "terms on bonds and as an operator" begin
        dims = Dense(chain).dims
        summed = sum(1:3) do n
            before, after = unit(prod(dims[1:(n - 1)])), unit(prod(dims[(n + 2):end]))
            kron(before, Several.pair_matrix(chain, n, Several.bond(chain, n)), after)
        end
        @test summed ≈ exact atol = 1e-12
        operator = reduce(*, Several.hamiltonian_mpo(chain))
        sites = reverse(chain.sites)
        matrix = reshape(Array(ITensors.dense(operator), [site' for site in sites]..., sites...), size(exact))
        @test matrix ≈ exact atol = 1e-12
    end
    @testset "gates are exponentials" begin
        for n in 1:3
            h = Several.pair_matrix(chain, n, Several.bond(chain, n))
            gate = Several.pair_matrix(chain, n, Several.gate_tensor(chain, n, 0.3))
            @test gate ≈ exp(-0.3im * h) atol = 1e-13
            listed, elements = zero(gate), Several.gates(chain, 0.3)[n]
            d = length(chain.codes[n + 1])
            for initial in axes(gate, 2), e in elements.first[initial]:(elements.first[initial + 1] - 1)
                listed[(elements.left[e] - 1) * d + elements.right[e], initial] = elements.value[e]
            end
            @test listed ≈ gate atol = 1e-14
        end
    end
end
