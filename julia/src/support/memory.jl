"""
    array(T, address, dims...)

The memory at `address` of a C-ordered NumPy array of shape `reverse(dims)`, as an `Array` without a copy. The caller
guarantees type, shape and order, and keeps the NumPy array alive.
"""
array(::Type{T}, address::Int, dims::Int...) where {T} = unsafe_wrap(Array, Ptr{T}(address), dims)

"Address of the memory of an array, like `array.ctypes.data` in NumPy."
address(array::Array) = Int(UInt(pointer(array)))

"Address of a NumPy array of reals as seen by Julia, for a comparison with NumPy's own."
address_of_view(single::Bool, where::Int, dims::Int...) = address(array(single ? Float32 : Float64, where, dims...))
