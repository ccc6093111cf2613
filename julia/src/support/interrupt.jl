"""
    guarded(f, arguments...)

`f(arguments...)`, and whether Julia heard Ctrl-C meanwhile, which is put off until `f` has ended: no state is left half
done. The system hands a signal to any thread that takes it, and Julia has a thread that does nothing else, so that
Python does not hear every one.
"""
function guarded(f::F, arguments...) where {F}
    Base.sigatomic_begin()
    result = f(arguments...)
    try
        Base.sigatomic_end()  # throws what was put off
    catch error
        error isa InterruptException || rethrow()
        Base.sigatomic_end()  # leaving the block has put it off again
        return result, true
    end
    return result, false
end

guarded() = guarded(Returns(nothing))
