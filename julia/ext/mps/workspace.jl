"""
    Workspace()

Memory for the matrices of one update of a bond, used again by the next one. Every thread has its own.
"""
mutable struct Workspace
    const memory::Vector{ComplexF64}
    used::Int
    most::Int
end

Workspace() = Workspace(ComplexF64[], 0, 0)

"""
    matrix!(workspace, T, rows, columns)

A matrix with undefined elements. It is valid until `release!` frees its place. The caller keeps the workspace alive.
"""
function matrix!(workspace::Workspace, ::Type{T}, rows::Int, columns::Int) where {T}
    begun = workspace.used
    workspace.used += cld(rows * columns * sizeof(T), sizeof(ComplexF64))
    workspace.most = max(workspace.most, workspace.used)
    workspace.used <= length(workspace.memory) || return Matrix{T}(undef, rows, columns)  # until memory grows
    return unsafe_wrap(Array, Ptr{T}(pointer(workspace.memory) + begun * sizeof(ComplexF64)), (rows, columns))
end

"""
    release!(workspace, used=0)

Free what was taken since `used` elements were in use. Memory that was too small grows when nothing is in use.
"""
function release!(workspace::Workspace, used::Int=0)
    workspace.used = used
    used == 0 && workspace.most > length(workspace.memory) && resize!(workspace.memory, workspace.most)
    return nothing
end
