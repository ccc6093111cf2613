@testset "layers of gates" begin
    rng = Xoshiro(2)
    chain = random_chain(rng)
    start = product_train(chain, [4, 1, 4, 2])  # ↑↓, ∅⊗↑, ↑⊗↓, ↑
    state = product_train(chain, [4, 1, 4, 2])
    evolve!(state, 1.0, 10)

    @testset "agree with ITensor's own application" begin
        gates = ITensor[]
        for _ in 1:10, (parity, share) in ((0, 0.5), (1, 1.0), (0, 0.5)), n in (1 + parity):2:3
            push!(gates, Several.gate_tensor(chain, n, share * 0.1))
        end
        applied = apply(gates, PySV.mps(start); cutoff=1e-16)
        @test abs(inner(applied, PySV.mps(state))) ≈ 1 atol = 1e-10
        @test norm(PySV.mps(state)) ≈ 1 atol = 1e-12
    end
    @testset "exp(−iHt) but for the Trotter error" begin
        fine = product_train(chain, [4, 1, 4, 2])
        lost, limited = evolve!(fine, 1.0, 200)
        exact = exp(-im * dense_hamiltonian(chain)) * vector(start)
        @test norm(vector(fine) - exact) < 1e-3
        @test norm(vector(fine) - exact) < norm(vector(state) - exact) / 100
        @test maximum(lost) < 1e-11
        @test iszero(limited)
    end
    @testset "the state is right-canonical, its Schmidt values are those of the vector" begin
        dims = Dense(chain).dims
        for n in 1:3
            values = svdvals(reshape(vector(state), prod(dims[(n + 1):end]), :))
            schmidt = sort(state.legs[n + 1].schmidt; rev=true)
            @test schmidt ≈ values[eachindex(schmidt)] atol = 1e-9
        end
    end
    @testset "forward and backward returns" begin
        again = product_train(chain, [4, 1, 4, 2])
        evolve!(again, 0.7, 7)
        @test abs(dot(vector(again), vector(start))) < 0.9
        evolve!(again, -0.7, 7)
        @test abs(dot(vector(again), vector(start))) ≈ 1 atol = 1e-9
    end
    @testset "truncation keeps what it says" begin
        rough = product_train(chain, [4, 1, 4, 2])
        lost, limited = evolve!(rough, 1.0, 10; rules=PySV.Truncation(1, 10, 1e-12))
        @test maximum(leg -> length(leg.schmidt), rough.legs) == 10
        @test any(!=(0), limited)
        overlap = abs2(dot(vector(rough), vector(state)))
        updates = 10 * (2 + 1 + 2)
        @test 1e-12 < 1 - overlap < updates * sum(lost)  # at most, the errors of all updates add up
        @test updates * sum(lost) < 0.1
        @test Several.kept([0.9, 0.09, 0.0099, 1e-4, 1e-17], 1.0, PySV.Truncation(1, 9, 1e-3)) == (3, false)
        @test Several.kept([0.9, 0.09, 0.0099, 1e-4, 1e-17], 1.0, PySV.Truncation(4, 9, 1e-3)) == (4, false)
        @test Several.kept([0.9, 0.09, 0.0099, 1e-4, 1e-17], 1.0, PySV.Truncation(5, 9, 1e-3)) == (4, false)
        @test Several.kept([0.9, 0.09, 0.0099, 1e-4, 1e-17], 1.0, PySV.Truncation(1, 2, 1e-3)) == (2, true)
    end
    @testset "threads change nothing" begin
        other = product_train(chain, [4, 1, 4, 2])
        evolve!(other, 1.0, 10; threads=Threads.nthreads())
        @test other.tensors == state.tensors
    end
    @testset "bonds that a gate does not change are skipped" begin
        opposite = product_train(chain, [1, 1, 2, 1])
        @test !Several.idle(opposite, 2, Several.gates(chain, 0.1)[2])  # the spins ↑↓ exchange
        polarised = product_train(chain, [1, 1, 1, 1])
        @test all(Several.idle(polarised, n, Several.gates(chain, 0.1)[n]) for n in 1:3)
        evolve!(polarised, 1.0, 3)
        @test all(==([1.0 + 0im]), polarised.tensors)
    end
end

@testset "free fermions" begin
    sites = 8
    chain = Several.Chain(
        [n in (5, 6) for n in 1:sites], [n == 5 for n in 1:(sites - 1)], zeros(sites), zeros(sites), (1.0, 0.0, 0.1, 0.2)
    )
    state = product_train(chain, [4, 1, 2, 3, 1, 1, 1, 1])  # ↑ on sites 1, 3; ↓ on 1, 4
    evolve!(state, 1.5, 300)
    modes = exp(-1.5im * SymTridiagonal(zeros(sites), -ones(sites - 1)) |> Matrix)
    for (spin, initial) in ((:up, [1, 3]), (:down, [1, 4]))
        expected = vec(sum(abs2, modes[:, initial]; dims=2))
        found = expect(PySV.mps(state), spin === :up ? "Nup" : "Ndn"; sites=[1:4; 7:8])
        @test found ≈ expected[[1:4; 7:8]] atol = 1e-4
    end
end
