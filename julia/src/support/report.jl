"Versions of Julia, of this package and of the packages it uses, threads and BLAS, as pairs of strings."
function report()
    return [
        ("Julia", string(VERSION)),
        ("PySV", string(pkgversion(@__MODULE__))),
        ("KrylovKit", string(pkgversion(KrylovKit))),
        ("ITensors", string(pkgversion(ITensors))),
        ("ITensorMPS", string(pkgversion(ITensorMPS))),
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
