@testset "KrylovKit on $T agrees with dense diagonalisation" for T in (Float64,)
    rng = Xoshiro(5)
    h, matrix = random_system(rng, T)
    energies, states = eigen(Symmetric(matrix))
    lanczos = PySV.lanczos(h, 1)
    before = PySV.ends!(lanczos, 5)
    @test before[5] == 6
    low, high, of_low, of_high, applications = PySV.ends!(lanczos, 200)
    @test low ≈ energies[1] atol = 1e-8
    @test high ≈ energies[end] atol = 1e-8
    @test max(of_low, of_high) < 1e-8 < max(before[3], before[4])
    @test 10 < applications <= 206

    reals = random_state(rng, h)
    psi = collect(reinterpret(reshape, Complex{T}, reshape(reals, 2, h.width, size(reals)[2:3]...)))
    exact = states * (exp.(-3im .* energies) .* (states' * flat(h, reals)))
    error, converged, applications = GC.@preserve psi PySV.propagate!(h, PySV.address(psi), 3.0, 1e-13, 30, 1)
    evolved = flat(h, collect(reshape(reinterpret(T, vec(psi)), size(reals))))
    @test converged
    @test norm(evolved - exact) < max(1e-11, 10 * error)
    @test applications >= 30
end

@testset "too few restarts are reported" begin
    h, _ = random_system(Xoshiro(6), Float64)
    psi = zeros(ComplexF64, h.width, PySV.shape(h)[2:3]...)
    psi[1, 1, 1] = 1
    _, converged, _ = PySV.propagate!(psi, h, 1e4, 1e-13, 5, 1)
    @test !converged
end
