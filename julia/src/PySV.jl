"""
    PySV

The Julia half of pysv: kernels of one electron and localized spins on S^z sectors, working in place on NumPy memory.

A state ψ[tile, row, site of the tile] of pysv is a real array with axes (re/im and site, row, tile) here: the same
memory, seen in Julia's order of axes. One file holds one idea; an engine that is whole in Julia gets a file of its own.
"""
module PySV

using ITensorMPS: ITensorMPS, MPO, MPS, OpSum, dmrg, inner, linkind, orthogonalize, tdvp
using ITensors: ITensors, ITensor, Index, NDTensors, QN, dag, dense, dim, itensor, permute, prime
using ITensors.NDTensors: Block, BlockSparseTensor, blockdim, blockview, eachnzblock, nblocks
using ITensors.SiteTypes: SiteTypes, @OpName_str, @SiteType_str, OpName, SiteType, has_fermion_string, op
using KrylovKit: KrylovKit, eigsolve, exponentiate
using Libdl: dlopen, dlsym
using LinearAlgebra: BLAS, Hermitian, I, LAPACK, eigen!, rmul!
using PrecompileTools: @compile_workload, @setup_workload
using Random: Xoshiro, rand!

include("memory.jl")
include("threads.jl")
include("hamiltonian.jl")
include("recursion.jl")
include("krylov.jl")
include("electrons.jl")
include("chain.jl")
include("train.jl")
include("gates.jl")
include("variational.jl")
include("interrupt.jl")
include("report.jl")
include("workload.jl")

end
