using PySV
using Test

@testset "without ITensors and ITensorMPS" begin
    @test PySV.extension() === nothing
    for refused in (() -> PySV.chain(2, 0, 0, 0, 0, 0), () -> PySV.tdvp_step(nothing; steps=2))
        @test_throws "needs ITensors and ITensorMPS; add them to the project, and load them: using ITensors" refused()
    end
    @test first.(PySV.report()) == ["Julia", "PySV", "KrylovKit", "threads", "BLAS"]
end

using ITensorMPS: ITensorMPS, apply, expect, inner, orthogonalize
using ITensors: ITensors, ITensor
using LinearAlgebra: Hermitian, I, SymTridiagonal, Symmetric, dot, eigen, eigmin, norm, qr, svdvals
using Random: Xoshiro, randperm
using TOML: TOML

const Several = PySV.extension()

include("systems.jl")

@testset "PySV" begin
    include("recursion.jl")
    include("krylov.jl")
    include("chains.jl")
    include("spaces.jl")
    include("gates.jl")
    include("variational.jl")
    @testset "a call that is not interrupted" begin
        @test PySV.guarded(+, 1, 2) == (3, false)
        @test PySV.guarded() == (nothing, false)
        @test_throws "as it is" PySV.guarded(() -> error("as it is"))
    end
    @testset "a call with other arguments than a method has" begin
        @test_throws MethodError PySV.chain("two")
    end
    @testset "report" begin
        told = Dict(PySV.report())
        @test told["Julia"] == string(VERSION)
        @test told["threads"] == string(Threads.nthreads())
        @test occursin("blas", lowercase(told["BLAS"]))
        @test told["ITensors"] == string(pkgversion(ITensors))
        @test told["ITensorMPS"] == string(pkgversion(ITensorMPS))
    end
    @testset "an OpenBLAS that crashes on several threads" begin
        @test !PySV.sound_lapack("OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH NO_AFFINITY Prescott MAX_THREADS=64")
        @test PySV.sound_lapack("OpenBLAS 0.3.23 DYNAMIC_ARCH NO_AFFINITY Haswell MAX_THREADS=64")
        @test PySV.sound_lapack("")
        @test PySV.sound_lapack()
    end
    include("hygiene.jl")
end
