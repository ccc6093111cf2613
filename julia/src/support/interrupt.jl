"""
    guarded(f, arguments...)

The result of `f(arguments...)`, and whether Julia received Ctrl-C meanwhile. The interrupt is deferred until `f` has
ended, so that no state is left half done. The system delivers a signal to any thread that accepts it. Julia has a
thread for signals, so Python does not receive all of them.
"""
function guarded(f::F, arguments...) where {F}
    Base.sigatomic_begin()
    result = f(arguments...)
    try
        Base.sigatomic_end()  # throws the deferred interrupt
    catch error
        error isa InterruptException || rethrow()
        Base.sigatomic_end()  # the error has deferred interrupts again
        return result, true
    end
    return result, false
end

guarded() = guarded(Returns(nothing))
