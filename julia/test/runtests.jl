using ITensorMPS: ITensorMPS, apply, expect, inner, orthogonalize
using ITensors: ITensors, ITensor
using LinearAlgebra: Hermitian, I, SymTridiagonal, Symmetric, dot, eigen, eigmin, norm, svdvals
using PySV
using Random: Xoshiro, randperm
using Test

include("systems.jl")

@testset "PySV" begin
    include("recursion.jl")
    include("krylov.jl")
    include("chains.jl")
    include("gates.jl")
    include("variational.jl")
    @testset "a call that is not interrupted" begin
        @test PySV.guarded(+, 1, 2) == (3, false)
        @test PySV.guarded() == (nothing, false)
        @test_throws "as it is" PySV.guarded(() -> error("as it is"))
    end
    @testset "report" begin
        told = Dict(PySV.report())
        @test told["Julia"] == string(VERSION)
        @test told["threads"] == string(Threads.nthreads())
        @test occursin("blas", lowercase(told["BLAS"]))
    end
end
