"""
    Gate(matrix, d)

A two-site operator as a list of its elements, sorted by the initial pair of local states. In `matrix[final, initial]`
the right site, which has `d` states, runs fastest. Local states are numbered from 1.
"""
struct Gate
    first::Vector{Int}
    left::Vector{Int}
    right::Vector{Int}
    value::Vector{ComplexF64}
end

function Gate(matrix::Matrix{ComplexF64}, d::Int)
    first, left, right, value = [1], Int[], Int[], ComplexF64[]
    for initial in axes(matrix, 2)
        for final in axes(matrix, 1)
            abs(matrix[final, initial]) > 1e-15 || continue  # rounding
            push!(left, (final - 1) ÷ d + 1)
            push!(right, (final - 1) % d + 1)
            push!(value, matrix[final, initial])
        end
        push!(first, length(value) + 1)
    end
    return Gate(first, left, right, value)
end

"""
    Chain

H of Eq. 7 on a chain of electron sites, some of which carry a localized spin, with the well and the field of Eq. 21
(zero for t > 0); `pysv.mps.chain` defines the numbers. Every term acts on one site or on two neighbours.

- `sites`, `codes`: the indices of ITensor, and the charges of the local states
- `carrier` (L), `exchanged` (L − 1): sites with a localized spin; bonds with an exchange
- `potential`, `field` (L): energy of an electron and of σᶻ of the localized spin, eV
- `couplings`: γ, J_sd, J, J_z including the factors of the spin convention, eV
- `gates`, `workspaces`: what has been computed, and memory of each thread, for `layer!`
"""
struct Chain
    sites::Vector{Index{Vector{Pair{QN,Int}}}}
    codes::Vector{Vector{Int}}
    carrier::Vector{Bool}
    exchanged::Vector{Bool}
    potential::Vector{Float64}
    field::Vector{Float64}
    couplings::NTuple{4,Float64}
    gates::Dict{Float64,Vector{Gate}}
    workspaces::Vector{Workspace}
end

function Chain(carrier, exchanged, potential, field, couplings)
    sites = [site_index(n, carrier[n]) for n in eachindex(carrier)]
    return Chain(
        sites, map(local_codes, carrier), carrier, exchanged, potential, field, couplings, Dict{Float64,Vector{Gate}}(),
        Workspace[],
    )
end

function PySV.chain(sites::Int, carrier::Int, exchanged::Int, potential::Int, field::Int, couplings::Int)
    return Chain(
        array(Int64, carrier, sites) .!= 0, array(Int64, exchanged, sites - 1) .!= 0,
        copy(array(Float64, potential, sites)), copy(array(Float64, field, sites)),
        Tuple(array(Float64, couplings, 4)),
    )
end

PySV.chain(carrier::Vector{Bool}, exchanged::Vector{Bool}, potential::Vector{Float64}, field::Vector{Float64}, couplings) =
    Chain(carrier, exchanged, potential, field, couplings)

Base.length(chain::Chain) = length(chain.sites)

"Terms of H on one site: coefficient and operator."
function onsite_terms(chain::Chain, n::Int)
    terms = Tuple{Float64,String}[]
    chain.potential[n] == 0 || push!(terms, (chain.potential[n], "Ntot"))
    if chain.carrier[n]
        push!(terms, (-chain.couplings[2], "sS"))
        chain.field[n] == 0 || push!(terms, (chain.field[n], "Lz"))
    end
    return terms
end

"Terms of H that couple sites n and n + 1: coefficient and one operator for each site, without fermion strings."
function pair_terms(chain::Chain, n::Int)
    hopping, _, exchange, exchange_z = chain.couplings
    terms = [
        (-hopping, "Cdagup", "Cup"), (hopping, "Cup", "Cdagup"), (-hopping, "Cdagdn", "Cdn"), (hopping, "Cdn", "Cdagdn")
    ]
    if chain.exchanged[n]
        append!(terms, [(-exchange_z, "Lz", "Lz"), (-2exchange, "L+", "L-"), (-2exchange, "L-", "L+")])
    end
    return terms
end

"""
    bond(chain, n)

H on sites n and n + 1 as an ITensor. On-site terms are divided between the bonds of a site, so the sum over bonds is H.
A fermionic operator on the left site carries the string of the operator on the right: c†_n c_{n+1} = (c†F)_n ⊗ c_{n+1}.
"""
function bond(chain::Chain, n::Int)
    one, other = chain.sites[n], chain.sites[n + 1]
    terms = map(pair_terms(chain, n)) do (value, left, right)
        string = has_fermion_string(right, other) ? "$left * F" : left
        value * op(string, one) * op(right, other)
    end
    for (value, name) in onsite_terms(chain, n)
        push!(terms, (n == 1 ? 1.0 : 0.5) * value * op(name, one) * op("Id", other))
    end
    for (value, name) in onsite_terms(chain, n + 1)
        push!(terms, (n + 1 == length(chain) ? 1.0 : 0.5) * value * op("Id", one) * op(name, other))
    end
    return sum(terms)
end

"H as a matrix-product operator."
function hamiltonian_mpo(chain::Chain)
    terms = OpSum()
    for n in 1:length(chain), (value, name) in onsite_terms(chain, n)
        terms += value, name, n
    end
    for n in 1:(length(chain) - 1), (value, left, right) in pair_terms(chain, n)
        terms += value, left, n, right, n + 1
    end
    return MPO(terms, chain.sites)
end

"An operator on sites n and n + 1 as a matrix; the right site runs fastest."
function pair_matrix(chain::Chain, n::Int, operator::ITensor)
    one, other = chain.sites[n], chain.sites[n + 1]
    elements = Array(dense(operator), other', one', other, one)
    return ComplexF64.(reshape(elements, dim(one) * dim(other), :))
end

"exp(−i h τ) on sites n and n + 1 as an ITensor; τ in 1/eV."
gate_tensor(chain::Chain, n::Int, duration::Float64) = exp(-im * duration * bond(chain, n))

"Key of a bond: bonds with equal keys have equal gates."
function kind(chain::Chain, n::Int)
    ends = n == 1, n + 1 == length(chain)
    pair = n:(n + 1)
    return ends, chain.carrier[pair], chain.exchanged[n], chain.potential[pair], chain.field[pair]
end

"exp(−i h τ) on all bonds; equal gates are computed once."
function gates(chain::Chain, duration::Float64)
    return get!(chain.gates, duration) do
        made = Dict{Any,Gate}()
        map(1:(length(chain) - 1)) do n
            get!(made, kind(chain, n)) do
                Gate(pair_matrix(chain, n, gate_tensor(chain, n, duration)), dim(chain.sites[n + 1]))
            end
        end
    end
end

function PySV.write_bond!(chain::Chain, n::Int, target::Int)
    matrix = real(pair_matrix(chain, n, bond(chain, n)))
    copyto!(array(Float64, target, size(matrix)...), permutedims(matrix))
    return nothing
end
