"""
    put_off_interrupts()

From now on no `InterruptException` is thrown in the present thread, in the middle of a computation; [`interrupted`](@ref)
tells instead whether Ctrl-C was heard.
"""
function put_off_interrupts()
    Base.exit_on_sigint(false)
    Base.sigatomic_begin()
    return nothing
end

"""
    interrupted()

Whether Julia, rather than Python, heard Ctrl-C since the last call. The system hands a signal to any thread that takes
it, and Julia has a thread that does nothing else.
"""
function interrupted()
    try
        Base.sigatomic_end()  # throws what was put off
    catch error
        error isa InterruptException || rethrow()
        return true  # leaving the block has put interrupts off again
    end
    Base.sigatomic_begin()
    return false
end
