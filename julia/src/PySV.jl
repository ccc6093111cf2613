"""
    PySV

The Julia half of pysv: kernels of one electron and localized spins on S^z sectors, working in place on NumPy memory.

A state ψ[tile, row, site of the tile] of pysv is a real array with axes (re/im and site, row, tile) here: the same
memory, seen in Julia's order of axes. One file holds one idea; an engine that is whole in Julia gets a file of its own.
"""
module PySV

using KrylovKit: KrylovKit, eigsolve, exponentiate
using Libdl: dlopen, dlsym
using LinearAlgebra: BLAS
using PrecompileTools: @compile_workload, @setup_workload
using Random: Xoshiro

include("memory.jl")
include("threads.jl")
include("hamiltonian.jl")
include("recursion.jl")
include("krylov.jl")
include("interrupt.jl")
include("report.jl")
include("workload.jl")

end
