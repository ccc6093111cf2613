# Several electrons as a matrix-product state: the functions that Python calls. Their methods are in the extension
# PySVITensorsExt (`ext/`), which Julia loads when PySV, ITensors and ITensorMPS are loaded.

"""
    Truncation(least, most, allowed)

Rule for the truncation of a bond; see `pysv.mps.backend.Truncation`.
"""
struct Truncation
    least::Int
    most::Int
    allowed::Float64
end

"""
    chain(sites, carrier, exchanged, potential, field, couplings)

The chain with H of Eq. 7, from the addresses of int64 and float64 NumPy arrays, which are copied.

    chain(carrier, exchanged, potential, field, couplings)

The same from Julia's vectors: which sites carry a localized spin, which bonds have an exchange (`Bool`), the energy of an
electron and of σᶻ of the localized spin on each site, and γ, J_sd, J, J_z, eV.
"""
function chain end

"Write H on sites n and n + 1 as a matrix (final, initial), row by row, to the float64 NumPy array at `target`."
function write_bond! end

"""
    train(chain, counts, charges, sizes, schmidt, tensors, lengths...)

The state, from the addresses of the NumPy arrays of `MatrixProductState.arrays`, which are copied. `lengths` are those
of charges (and sizes), Schmidt values and tensors.

    train(chain, psi)

An `MPS` of ITensorMPS as a state, left-canonical with its centre at the last site. The Schmidt values are set to 0.
"""
function train end

"Lengths of the arrays that `write!` fills: charges (and multiplicities), Schmidt values, elements of the tensors."
function lengths end

"Write the state to NumPy arrays, given by their addresses."
function write! end

"""
    mps(state)

The state as an ITensorMPS `MPS` with its orthogonality centre at site 1. The elements are copied.
"""
function mps end

"""
    layer!(state, parity, duration, least, most, allowed, lost, limited, threads)

Apply the gates exp(−i h τ) (τ in 1/eV) in place on every second bond, from the first one if `parity` is 0. Adds the
weight discarded on each bond to the float64 NumPy array at address `lost`, and marks in the int64 array `limited` the
bonds where `most` forced it.

    layer!(state, parity, duration, rules, lost, limited, threads)

The same with a `Truncation` and Julia's vectors.
"""
function layer! end

"""
    tdvp_step(state, duration, order, most, lost, threaded; steps=1)

exp(−iHτ) (τ in 1/eV) by the two-site time-dependent variational principle of ITensorMPS, with sweeps to the right and
back, of order 2 or 4, and with at most `most` states on a bond. Below `most` only rounding is discarded; the discarded
weight is added to the float64 NumPy array at address `lost`. Returns the state left-canonical, without Schmidt values.
If `threaded`, the threads share the blocks of a contraction.
"""
function tdvp_step end

"""
    search(chain, states)

A search for a ground state from a product of local states; the int64 NumPy array at address `states` numbers them from 0.
"""
function search end

"One two-site DMRG sweep to the right and back, with at most `most` states on a bond; returns the energy, eV."
function sweep! end

"⟨H²⟩ − ⟨H⟩² of a search, eV²."
function variance end

"The resulting state of a search, left-canonical, without Schmidt values."
function found end

"The extension; nothing where ITensors or ITensorMPS is not loaded."
extension() = Base.get_extension(@__MODULE__, :PySVITensorsExt)

"Refuse a call that has no method: without the extension in a sentence that names the remedy."
function refuse(name, arguments)
    extension() === nothing || throw(MethodError(name, arguments))
    throw(
        ArgumentError(
            "PySV.$name needs ITensors and ITensorMPS; add them to the project, and load them: using ITensors, ITensorMPS"
        ),
    )
end

for name in (
    :chain, :write_bond!, :train, :lengths, :write!, :mps, :layer!, :tdvp_step, :search, :sweep!, :variance, :found
)
    @eval $name(arguments...; options...) = refuse($name, arguments)
end
