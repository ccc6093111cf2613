# What a user of ITensorMPS would write: the gates of a layer applied one after the other by `apply`.
using ITensorMPS: ITensorMPS, apply, linkdims
using ITensors: ITensor
using PySV

const Several = PySV.extension()

struct Plain
    chain::Several.Chain
    gates::Dict{Tuple{Int,Float64},Vector{ITensor}}
end

Plain(chain) = Plain(chain, Dict())

function layer(plain::Plain, psi, parity::Int, duration::Float64, cutoff::Float64, most::Int)
    gates = get!(plain.gates, (parity, duration)) do
        [Several.gate_tensor(plain.chain, n, duration) for n in (1 + parity):2:(length(plain.chain) - 1)]
    end
    return apply(gates, psi; cutoff, maxdim=most)
end

largest(psi) = maximum(linkdims(psi))
