"""
    PySVITensorsExt

Several electrons as a matrix-product state of ITensors and ITensorMPS: the methods of the functions of `src/mps.jl`.
"""
module PySVITensorsExt

using ITensorMPS: ITensorMPS, MPO, MPS, OpSum, dmrg, inner, linkind, orthogonalize, tdvp
using ITensors: ITensors, ITensor, Index, NDTensors, QN, dag, dense, dim, itensor, permute, prime
using ITensors.NDTensors: Block, BlockSparseTensor, blockdim, blockview, eachnzblock, nblocks
using ITensors.SiteTypes: SiteTypes, @OpName_str, @SiteType_str, OpName, SiteType, has_fermion_string, op
using LinearAlgebra: BLAS, Hermitian, I, LAPACK, eigen!, mul!
using PrecompileTools: @compile_workload, @setup_workload
using PySV: PySV, Truncation, address, array, chain, found, layer!, lengths, mps, next_job!, search, sound_lapack, sweep!,
    tdvp_step, together, train, variance, write!, write_bond!
using Random: Xoshiro, rand!, randn!

include("mps/workspace.jl")
include("mps/electrons.jl")
include("mps/chain.jl")
include("mps/train.jl")
include("mps/places.jl")
include("mps/spaces.jl")
include("mps/gates.jl")
include("mps/variational.jl")
include("mps/workload.jl")

end
