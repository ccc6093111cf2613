"""
    array(T, address, dims...)

The memory of a C-ordered NumPy array of shape `reverse(dims)` that begins at `address`, as an `Array`. Nothing is
copied: the caller answers for type, shape and order, and keeps the NumPy array alive.
"""
array(::Type{T}, address::Int, dims::Int...) where {T} = unsafe_wrap(Array, Ptr{T}(address), dims)

"Address at which the memory of an array begins, as NumPy's `array.ctypes.data` gives it."
address(array::Array) = Int(UInt(pointer(array)))

"Address at which Julia sees the memory of a NumPy array of reals, to compare with NumPy's own."
address_of_view(single::Bool, where::Int, dims::Int...) = address(array(single ? Float32 : Float64, where, dims...))
