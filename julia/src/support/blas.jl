"What `report` says of a BLAS that fails `sound_lapack`."
const UNSOUND = "; its LAPACK crashes on several threads, so that gates run on one"
"Oldest OpenBLAS whose `eigen` may run on several threads at once: 0.3.21 of Debian 12 crashes."
const SOUND_OPENBLAS = v"0.3.22"

"OpenBLAS's description of itself, whose function has a suffix or, in a distribution's library, none; else empty."
function openblas_description()
    library = dlopen(first(BLAS.get_config().loaded_libs).libname)
    for name in (:openblas_get_config64_, :openblas_get_config)
        described = dlsym(library, name; throw_error=false)
        described === nothing || return String(strip(unsafe_string(ccall(described, Cstring, ()))))
    end
    return ""
end

"Whether several threads may call LAPACK at once, by OpenBLAS's description of itself."
function sound_lapack(description::AbstractString=openblas_description())
    version = match(r"^OpenBLAS (\d+\.\d+\.\d+)", description)
    return version === nothing || VersionNumber(version[1]) >= SOUND_OPENBLAS
end
