"Versions of Julia, of this package and of the packages it has loaded, threads and BLAS, as pairs of strings."
function report()
    part = extension()
    loaded = part === nothing ? [KrylovKit] : [KrylovKit, part.ITensors, part.ITensorMPS]
    return [
        ("Julia", string(VERSION)),
        ("PySV", string(pkgversion(@__MODULE__))),
        [(string(nameof(package)), string(pkgversion(package))) for package in loaded]...,
        ("threads", string(Threads.nthreads())),
        ("BLAS", string(blas(), ", threads: ", BLAS.get_num_threads(), sound_lapack() ? "" : UNSOUND)),
    ]
end

"""
    blas()

The BLAS library and, for OpenBLAS, its description, which ends with the detected type of processor. OpenBLAS may take
an unknown processor for an old one; it is then several times slower than necessary.
"""
function blas()
    library, description = first(BLAS.get_config().loaded_libs).libname, openblas_description()
    return isempty(description) ? basename(library) : string(basename(library), " (", description, ")")
end
