"Turns of waiting after which a thread offers its processor to others."
const PATIENCE = 2000

"""
    Crew(members)

Threads that work through numbered jobs, step by step: each takes the next job that is free, and none begins a step
before all have ended the one before. Nothing is allocated on the way.
"""
mutable struct Crew
    const members::Int
    @atomic next::Int
    @atomic arrived::Int
    @atomic step::Int
end

Crew(members::Int) = Crew(members, 0, 0, 0)

"A number, from 0, that nobody has taken yet."
next_number!(crew::Crew) = (@atomic :monotonic crew.next += 1) - 1

"Wait until all members have called this; numbers then begin with 0 again."
function meet!(crew::Crew)
    step = @atomic :acquire crew.step
    if (@atomic :acquire_release crew.arrived += 1) == crew.members
        @atomic :monotonic crew.arrived = 0
        @atomic :monotonic crew.next = 0
        @atomic :release crew.step = step + 1
        return nothing
    end
    turns = 0
    while (@atomic :acquire crew.step) == step
        turns += 1
        if turns % PATIENCE == 0
            ccall(:sched_yield, Cint, ())
        else
            ccall(:jl_cpu_pause, Cvoid, ())
        end
        GC.safepoint()
    end
    return nothing
end

"""
    together(work, threads)

Call `work(crew)` on each of `threads` threads, the present one included; throws an `ArgumentError` where Julia has
fewer.
"""
function together(work::F, threads::Int) where {F}
    1 <= threads <= Threads.nthreads() ||
        throw(ArgumentError("threads = $threads must be between 1 and $(Threads.nthreads())"))
    crew = Crew(threads)
    others = [Threads.@spawn(:default, work(crew)) for _ in 2:threads]
    work(crew)
    foreach(wait, others)
    return nothing
end
