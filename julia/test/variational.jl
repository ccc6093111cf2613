@testset "time-dependent variational principle" begin
    chain = random_chain(Xoshiro(3))
    state = product_train(chain, [4, 1, 4, 2])
    evolve!(state, 1.0, 200)  # far from a product state, two sites span the whole space of so short a chain
    exact = exp(-0.5im * dense_hamiltonian(chain)) * vector(state)
    for order in (2, 4)
        lost = zeros(3)
        evolved = GC.@preserve lost PySV.tdvp_step(
            state, 0.5, order, 1000, PySV.address(lost), Threads.nthreads() > 1; steps=4
        )
        @test maximum(lost) < 1e-10
        @test norm(vector(evolved) - exact) < 1e-6  # the Krylov exponentials have a tolerance of 1e-8
    end
end

@testset "ground state" begin
    rng = Xoshiro(4)
    chain = random_chain(rng; potential=[-3.0, 0, 0, 0], field=[0, -1.0, 1.0, 0])
    states = [4, 1, 2, 1] .- 1  # two electrons in the well, ↑, ↓
    search = GC.@preserve states PySV.search(chain, PySV.address(states))
    for noise in (1e-4, 1e-6, 0.0, 0.0, 0.0)
        PySV.sweep!(search, 100, 1e-16, noise)
    end
    dense = Dense(chain)
    number = sum(take(dense, n, s)' * take(dense, n, s) for n in 1:4 for s in (:up, :down))
    spin = sum(take(dense, n, :up)' * take(dense, n, :up) - take(dense, n, :down)' * take(dense, n, :down) for n in 1:4)
    spin += at(dense, 2, kron(unit(4), SIGMA.z)) + at(dense, 3, kron(unit(4), SIGMA.z))
    inside = findall(i -> number[i, i] == 2 && spin[i, i] == 0, axes(number, 1))
    lowest = eigmin(Hermitian(dense_hamiltonian(chain)[inside, inside]))
    @test search.energies[end] ≈ lowest atol = 1e-10
    @test abs(PySV.variance(search)) < 1e-9
    found = vector(PySV.found(search))
    @test real(dot(found, dense_hamiltonian(chain) * found)) ≈ lowest atol = 1e-9
end
