"Turns of waiting after which a thread offers its processor to others."
const PATIENCE = 2000

"""
    ThreadPool(members)

Threads that work through numbered jobs, step by step: each takes the next job that is free, and none begins a step
before all have ended the one before. Nothing is allocated on the way.
"""
mutable struct ThreadPool
    const members::Int
    @atomic next::Int
    @atomic arrived::Int
    @atomic step::Int
end

ThreadPool(members::Int) = ThreadPool(members, 0, 0, 0)

"A number, from 0, that nobody has taken yet."
next_job!(pool::ThreadPool) = (@atomic :monotonic pool.next += 1) - 1

"Wait until all members have called this; numbers then begin with 0 again."
function barrier!(pool::ThreadPool)
    step = @atomic :acquire pool.step
    if (@atomic :acquire_release pool.arrived += 1) == pool.members
        @atomic :monotonic pool.arrived = 0
        @atomic :monotonic pool.next = 0
        @atomic :release pool.step = step + 1
        return nothing
    end
    turns = 0
    while (@atomic :acquire pool.step) == step
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

Call `work(pool)` on each of `threads` threads, the present one included; throws an `ArgumentError` where Julia has
fewer.
"""
function together(work::F, threads::Int) where {F}
    1 <= threads <= Threads.nthreads() ||
        throw(ArgumentError("threads = $threads must be between 1 and $(Threads.nthreads())"))
    pool = ThreadPool(threads)
    others = [Threads.@spawn(:default, work(pool)) for _ in 2:threads]
    work(pool)
    foreach(wait, others)
    return nothing
end
