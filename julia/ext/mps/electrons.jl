# Site types of a chain. "Electron" is ITensor's own: ∅, ↑, ↓, ↑↓ = c†_↑c†_↓|∅⟩. "Carrier" is an electron site with a
# localized spin: electron ⊗ spin, with state number 2·electron + spin from 0, spin ↑ first. Its operators have the
# fermion strings of the electron.

const ELECTRON = SiteType("Electron")
const RAISE = [0.0 1.0; 0.0 0.0]
const PAULI_Z = [1.0 0.0; 0.0 -1.0]

"An operator of ITensor's electron site, on a site with a localized spin."
carried(name::String) = kron(op(OpName(name), ELECTRON), [1.0 0.0; 0.0 1.0])

ITensors.op(::OpName"Cup", ::SiteType"Carrier") = carried("Cup")
ITensors.op(::OpName"Cdagup", ::SiteType"Carrier") = carried("Cdagup")
ITensors.op(::OpName"Cdn", ::SiteType"Carrier") = carried("Cdn")
ITensors.op(::OpName"Cdagdn", ::SiteType"Carrier") = carried("Cdagdn")
ITensors.op(::OpName"F", ::SiteType"Carrier") = carried("F")
ITensors.op(::OpName"Ntot", ::SiteType"Carrier") = carried("Ntot")

SiteTypes.has_fermion_string(::OpName"Cup", ::SiteType"Carrier") = true
SiteTypes.has_fermion_string(::OpName"Cdagup", ::SiteType"Carrier") = true
SiteTypes.has_fermion_string(::OpName"Cdn", ::SiteType"Carrier") = true
SiteTypes.has_fermion_string(::OpName"Cdagdn", ::SiteType"Carrier") = true

"σ·S of the electrons and the localized spin of a site, both as Pauli matrices."
function ITensors.op(::OpName"sS", ::SiteType"Carrier")
    z = kron(2 * op(OpName("Sz"), ELECTRON), PAULI_Z)
    flip = kron(op(OpName("S-"), ELECTRON), RAISE)
    return z + 2 * (flip + flip')
end

"σᶻ, σ⁺ and σ⁻ of the localized spin."
ITensors.op(::OpName"Lz", ::SiteType"Carrier") = kron(Matrix(1.0I, 4, 4), PAULI_Z)
ITensors.op(::OpName"L+", ::SiteType"Carrier") = kron(Matrix(1.0I, 4, 4), RAISE)
ITensors.op(::OpName"L-", ::SiteType"Carrier") = kron(Matrix(1.0I, 4, 4), RAISE')

"Charges are codes 2²⁰·electrons + Σσᶻ, as in `pysv.mps.state`."
const BASE = 1 << 20

"Codes of the local states of a site."
function local_codes(carrier::Bool)
    electron = [0, BASE + 1, BASE - 1, 2 * BASE]
    return carrier ? [charge + spin for charge in electron for spin in (1, -1)] : electron
end

"The quantum numbers of a code."
function quantum_numbers(code::Int)
    electrons = fld(code + BASE ÷ 2, BASE)
    return QN(("N", electrons), ("Sz", code - electrons * BASE))
end

"The index of site `n`, with one block for each local state."
site_index(n::Int, carrier::Bool) =
    Index([quantum_numbers(code) => 1 for code in local_codes(carrier)], "Site,$(carrier ? "Carrier" : "Electron"),n=$n")
