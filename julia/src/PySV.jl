"""
    PySV

The Julia part of pysv. `sectors/`: one electron and localized spins in S^z sectors, in place on NumPy's memory. `mps/`:
several electrons as a matrix-product state of ITensors. `support/`: memory, threads, Ctrl-C, report, precompilation.

A state ψ[tile, row, site of the tile] of pysv is a real array with axes (re/im and site, row, tile) here: the same
memory in Julia's order of axes.
"""
module PySV

using ITensorMPS: ITensorMPS, MPO, MPS, OpSum, dmrg, inner, linkind, orthogonalize, tdvp
using ITensors: ITensors, ITensor, Index, NDTensors, QN, dag, dense, dim, itensor, permute, prime
using ITensors.NDTensors: Block, BlockSparseTensor, blockdim, blockview, eachnzblock, nblocks
using ITensors.SiteTypes: SiteTypes, @OpName_str, @SiteType_str, OpName, SiteType, has_fermion_string, op
using KrylovKit: KrylovKit, LanczosIterator, ModifiedGramSchmidt, expand!, exponentiate, initialize, normres,
    rayleighquotient
using Libdl: dlopen, dlsym
using LinearAlgebra: BLAS, Hermitian, I, LAPACK, eigen, eigen!, mul!
using PrecompileTools: @compile_workload, @setup_workload
using Random: Xoshiro, rand!, randn!

include("support/memory.jl")
include("support/threads.jl")
include("support/blas.jl")
include("support/workspace.jl")
include("sectors/hamiltonian.jl")
include("sectors/recursion.jl")
include("sectors/krylov.jl")
include("mps/electrons.jl")
include("mps/chain.jl")
include("mps/train.jl")
include("mps/places.jl")
include("mps/spaces.jl")
include("mps/gates.jl")
include("mps/variational.jl")
include("support/interrupt.jl")
include("support/report.jl")
include("support/workload.jl")

end
