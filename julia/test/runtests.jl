using LinearAlgebra: Symmetric, eigen, norm
using PySV
using Random: Xoshiro, randperm
using Test

include("systems.jl")

@testset "PySV" begin
    include("recursion.jl")
    include("krylov.jl")
    @testset "report" begin
        told = Dict(PySV.report())
        @test told["Julia"] == string(VERSION)
        @test told["threads"] == string(Threads.nthreads())
        @test occursin("blas", lowercase(told["BLAS"]))
    end
end
