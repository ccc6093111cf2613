"A sector of θ with the given weights, and a guess turned away from its heaviest directions by an angle of about `angle`."
function random_sector(rng, rows, columns, weights, known; angle=0.1)
    unitary(n) = Matrix(qr(randn(rng, ComplexF64, n, n)).Q)
    schmidt = 0.5 .+ rand(rng, columns)
    left, right = unitary(rows), unitary(columns)
    count = length(weights)
    theta = left[:, 1:count] * (sqrt.(weights) .* right[:, 1:count]') ./ schmidt'
    guess = Matrix(qr(left[:, 1:known] + angle / sqrt(rows) * randn(rng, ComplexF64, rows, known)).Q)[:, 1:known]
    write!(start) = (start[:, 1:known] .= guess; start)
    return Several.Sector(theta, schmidt, sum(weights), known, write!)
end

@testset "spaces of θ" begin
    weights = [exp(-0.3n) for n in 0:79]
    weights ./= sum(weights)
    for (rows, columns) in ((100, 160), (160, 100))
        sector, workspace = random_sector(Xoshiro(3), rows, columns, weights, 24), Several.Workspace()
        for full in (true, false), _ in 1:2  # the second time in memory that is used again
            GC.@preserve workspace begin
                space = Several.partial_space(sector, full, 1e-9, workspace)
                size = 24
                lost = sum(weights[(size + 1):end])
                found = sector.weight - sum(space.weights[(end - size + 1):end])
                @test found ≈ lost rtol = 1e-3
                @test found > lost * (1 - 1e-9)
                space.basis === nothing || @test norm(space.basis' * space.basis - I) < 1e-12
                estimated = Several.excess(space, size, sector, workspace)
                full && @test (found - lost) / 20 < estimated < 1e-3 * lost
                full || @test space.missed < 1e-9
                whole = Several.whole_space(sector, workspace)
                @test whole.weights[(end - 79):end] ≈ reverse(weights) atol = 1e-14
                @test whole.missed == 0
            end
            Several.release!(workspace)
        end
    end
    @testset "a guess that misses heavy directions is seen" begin
        sector, workspace = random_sector(Xoshiro(4), 120, 120, weights, 24; angle=0.1), Several.Workspace()
        GC.@preserve workspace begin
            blind = Matrix(qr(randn(Xoshiro(5), ComplexF64, 120, 30)).Q)[:, 1:30]
            space = Several.projected(blind, sector, workspace)
            @test Several.excess(space, 24, sector, workspace) > 0.1 * (sector.weight - sum(space.weights))
        end
    end
end
