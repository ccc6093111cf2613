"Weight discarded at each bond, as ITensorMPS reports it."
struct Losses
    weight::Vector{Float64}
end

function ITensorMPS.update_observer!(losses::Losses; bond, spec, kwargs...)
    spec === nothing || (losses.weight[bond] += spec.truncerr)
    return losses
end

function PySV.tdvp_step(state::Train, duration::Float64, order::Int, most::Int, lost::Int, threaded::Bool; steps=1)
    losses = Losses(array(Float64, lost, length(state.chain) - 1))
    outer = 1 / (2 - cbrt(2))  # ITensorMPS's own order 4 fails (0.4.1); three steps of order 2 (M. Suzuki) replace it
    shares = order == 4 ? (outer, 1 - 2outer, outer) : (1.0,)
    return in_blocks(threaded) do
        operator, psi = hamiltonian_mpo(state.chain), mps(state)
        for _ in 1:steps, share in shares
            psi = tdvp(
                operator, -im * share * duration / steps, psi; maxdim=most, cutoff=FLOOR,
                updater_kwargs=(; ishermitian=true, tol=1e-8, krylovdim=15, eager=true), (observer!)=losses,
                outputlevel=0,
            )
        end
        train(state.chain, psi)
    end
end

"Call `work` with single-threaded matrix products; if `threaded`, all threads share the blocks of contractions."
function in_blocks(work::F, threaded::Bool) where {F}
    blas, strided = BLAS.get_num_threads(), NDTensors.Strided.get_num_threads()
    BLAS.set_num_threads(1)
    NDTensors.Strided.disable_threads()
    threaded && ITensors.enable_threaded_blocksparse()
    try
        return work()
    finally
        threaded && ITensors.disable_threaded_blocksparse()
        NDTensors.Strided.set_num_threads(strided)
        BLAS.set_num_threads(blas)
    end
end

"A DMRG search for a ground state: H, the present state, and the energy after each sweep."
mutable struct Search
    const chain::Chain
    const operator::MPO
    psi::MPS
    const energies::Vector{Float64}
end

function PySV.search(chain::Chain, states::Int)
    start = MPS(chain.sites, array(Int64, states, length(chain)) .+ 1)
    return Search(chain, hamiltonian_mpo(chain), start, Float64[])
end

function PySV.sweep!(search::Search, most::Int, cutoff::Float64, noise::Float64)
    energy, search.psi = dmrg(
        search.operator, search.psi; nsweeps=1, maxdim=most, cutoff, noise, eigsolve_krylovdim=4, outputlevel=0
    )
    push!(search.energies, energy)
    return energy
end

function PySV.variance(search::Search)
    psi, operator = search.psi, search.operator
    return real(inner(operator, psi, operator, psi)) - real(inner(psi', operator, psi))^2
end

PySV.found(search::Search) = train(search.chain, search.psi)
