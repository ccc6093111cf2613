THREADS = unique((1, Threads.nthreads()))
SHAPES = ((; sites=11, width=4), (; sites=13, width=4), (; sites=12, width=12), (; sites=2, width=1), (; sites=5, width=2))

@testset "Hψ equals the dense matrix, $T, $shape, $threads threads" for T in (Float64, Float32), shape in SHAPES,
    threads in THREADS

    rng = Xoshiro(1)
    h, matrix = random_system(rng, T; shape...)
    psi = random_state(rng, h)
    @test matrix == matrix'
    @test flat(h, PySV.apply!(zero(psi), psi, h, threads)) ≈ matrix * flat(h, psi) rtol = 20 * eps(T)
end

"Steps of the recursion on amplitudes over (site, row), as in its docstring."
function reference(matrix, psi, previous, totals, factors, mixes)
    for step in axes(factors, 2)
        scale, shift, beta = factors[:, step]
        previous = scale * (matrix * psi - shift * psi) - beta * previous
        for output in axes(mixes, 2)
            a, b, c, d, keep, add = mixes[:, output, step]
            add == 0 && continue
            totals[output] = keep * totals[output] + complex(a, b) * previous + complex(c, d) * psi
        end
        psi, previous = previous, psi
    end
    return psi, previous, totals
end

@testset "recursion, $T, width $width, $threads threads" for T in (Float64, Float32), width in (11, 4), threads in THREADS
    rng = Xoshiro(2)
    h, matrix = random_system(rng, T; width)
    psi, previous, first_total, second_total = (random_state(rng, h) for _ in 1:4)
    totals = cat(first_total, second_total; dims=4)
    factors, mixes = randn(rng, T, 3, 5) ./ 4, randn(rng, T, 6, 2, 5)
    mixes[6, 1, 2:3] .= 0
    expected = reference(
        matrix, flat(h, psi), flat(h, previous), [flat(h, first_total), flat(h, second_total)], factors, mixes
    )
    PySV.recursion!(psi, previous, totals, h, PySV.everywhere(h), factors, mixes, threads)
    @test flat(h, previous) ≈ expected[1] rtol = 1000 * eps(T)  # five steps: the roles have been swapped
    @test flat(h, psi) ≈ expected[2] rtol = 1000 * eps(T)
    @test flat(h, totals[:, :, :, 1]) ≈ expected[3][1] rtol = 1000 * eps(T)
    @test flat(h, totals[:, :, :, 2]) ≈ expected[3][2] rtol = 1000 * eps(T)
end

@testset "steps in several calls equal one call, $T, $threads threads" for T in (Float64, Float32), threads in THREADS
    rng = Xoshiro(5)
    h, _ = random_system(rng, T)
    arrays = random_state(rng, h), random_state(rng, h), reshape(random_state(rng, h), PySV.shape(h)..., 1)
    factors, mixes = randn(rng, T, 3, 5) ./ 4, randn(rng, T, 6, 1, 5)
    whole, parts = deepcopy(arrays), deepcopy(arrays)
    PySV.recursion!(whole..., h, PySV.everywhere(h), factors, mixes, threads)
    for (from, upto) in ((1, 1), (2, 4), (5, 5))
        PySV.recursion!(parts..., h, PySV.everywhere(h), factors, mixes, threads; from, upto)
    end
    @test parts == whole
end

@testset "states side by side, $T" for T in (Float64, Float32)
    rng = Xoshiro(4)
    jobs = map((11, 13, 12, 5)) do sites
        h, _ = random_system(rng, T; sites, width=sites)
        (; h, psi=random_state(rng, h), previous=random_state(rng, h), totals=zeros(T, PySV.shape(h)..., 2),
            factors=randn(rng, T, 3, 5) ./ 4, mixes=randn(rng, T, 6, 2, 5))
    end
    expected = map(jobs) do job
        copies = deepcopy((job.psi, job.previous, job.totals))
        PySV.recursion!(copies..., job.h, PySV.everywhere(job.h), job.factors, job.mixes, 1)
        copies
    end
    list = reduce(hcat, map(jobs) do job
        Int64[PySV.address(job.psi), PySV.address(job.previous), PySV.address(job.totals), 2, 0, job.h.sites,
            PySV.address(job.factors), PySV.address(job.mixes), 5]
    end)
    GC.@preserve jobs list PySV.recursions!(PySV.collection((job.h for job in jobs)...), PySV.address(list), Threads.nthreads())
    for (job, copies) in zip(jobs, expected)
        @test (job.psi, job.previous, job.totals) == copies
    end
end

@testset "nothing is touched outside the window, $T, $threads threads, $window of $sites" for T in (Float64, Float32),
    threads in THREADS,
    (window, sites) in ((4:15, 20), (5:6, 20), (3:4, 20), (2:17, 18), (0:9, 20), (10:19, 18), (7:18, 18))  # tiles of 4

    rng = Xoshiro(3)
    h, matrix = random_system(rng, T; sites, width=4)
    inside = repeat([x - 1 in window for x in 1:(h.sites)], PySV.shape(h)[2])
    psi, previous, total = (random_state(rng, h) for _ in 1:3)
    factors, mixes = randn(rng, T, 3, 4) ./ 4, randn(rng, T, 6, 1, 4)
    starts = (flat(h, array) .* inside for array in (psi, previous, total))
    first, second, third = starts
    expected = reference(inside .* matrix .* inside', first, second, [third], factors, mixes)
    outside = [!(4 * tile + (part - 1) ÷ 2 in window) for part in 1:8, row in axes(psi, 2), tile in 0:4]
    for array in (psi, previous, total)
        array[outside] .= NaN
    end
    totals = reshape(total, PySV.shape(h)..., 1)
    PySV.recursion!(psi, previous, totals, h, window, factors, mixes, threads)
    for (array, wanted) in zip((psi, previous, totals[:, :, :, 1]), (expected[1], expected[2], expected[3][1]))
        @test all(isnan, array[outside])
        @test flat(h, array)[inside] ≈ wanted[inside] rtol = 1000 * eps(T)
    end
end

@testset "shares of the blocks" for count in (1, 2, 7, 100)
    begins = cumsum([0, 3, 1, 40, 2, 2, 6])
    shares = PySV.share_blocks(begins, count)
    @test reduce(vcat, shares) == 0:5
    @test length(shares) <= count
end

@testset "no allocation from step to step, $T" for T in (Float64, Float32)
    h, _ = random_system(Xoshiro(4), T; kinds=ntuple(n -> isodd(n) ? 20 : 30, 20))
    psi, previous, totals = zeros(T, PySV.shape(h)), zeros(T, PySV.shape(h)), zeros(T, PySV.shape(h)..., 1)
    work(factors, mixes, threads) =
        @allocated PySV.recursion!(psi, previous, totals, h, PySV.everywhere(h), factors, mixes, threads)
    for threads in THREADS
        short, long = (zeros(T, 3, 2), ones(T, 6, 1, 2)), (zeros(T, 3, 400), ones(T, 6, 1, 400))
        work(short..., threads), work(long..., threads)  # compile
        few, many = minimum(work(short..., threads) for _ in 1:5), minimum(work(long..., threads) for _ in 1:5)
        @test many <= few  # 398 more steps
        @test few < 10_000
    end
end

@testset "arrays given by their addresses are modified in place" begin
    h = PySV.example(Float64, 4)
    psi, previous, totals = zeros(PySV.shape(h)), zeros(PySV.shape(h)), zeros(PySV.shape(h)..., 1)
    psi[5, 1, 1] = 1
    expected = map(copy, (psi, previous, totals))
    factors, mixes = [1.0 2.0; 0 0; 0 1], ones(6, 1, 2)
    PySV.recursion!(expected..., h, PySV.everywhere(h), factors, mixes, 1)
    GC.@preserve psi previous totals factors mixes begin
        @test pointer(PySV.array(Float64, PySV.address(psi), size(psi)...)) === pointer(psi)
        PySV.recursion!(
            h, map(PySV.address, (psi, previous, totals))..., 1, 0, h.sites, PySV.address(factors), PySV.address(mixes), 2, 1
        )
    end
    @test (psi, previous, totals) == expected
end

@testset "more threads than Julia has" begin
    @test_throws "must be between 1 and $(Threads.nthreads())" PySV.together(identity, Threads.nthreads() + 1)
end
