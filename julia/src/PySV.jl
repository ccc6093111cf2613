"""
    PySV

The Julia part of pysv. `sectors/`: one electron and localized spins in S^z sectors, in place on NumPy's memory.
`mps.jl`: several electrons as a matrix-product state, whose methods come with ITensors and ITensorMPS (`ext/`).
`support/`: memory, threads, Ctrl-C, report, precompilation.

A state ψ[tile, row, site of the tile] of pysv is a real array with axes (re/im and site, row, tile) here: the same
memory in Julia's order of axes.
"""
module PySV

using KrylovKit: KrylovKit, LanczosIterator, ModifiedGramSchmidt, expand!, exponentiate, initialize, normres,
    rayleighquotient
using Libdl: dlopen, dlsym
using LinearAlgebra: BLAS, eigen
using PrecompileTools: @compile_workload, @setup_workload
using Random: Xoshiro

include("support/memory.jl")
include("support/threads.jl")
include("support/blas.jl")
include("sectors/hamiltonian.jl")
include("sectors/recursion.jl")
include("sectors/krylov.jl")
include("mps.jl")
include("support/interrupt.jl")
include("support/report.jl")
include("support/workload.jl")

end
