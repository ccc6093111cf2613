"Spins in a waiting loop after which a thread yields its processor."
const PATIENCE = 2000

"""
    ThreadPool(members)

Threads that do numbered jobs on a dynamic schedule, step by step. Each thread takes the next free job, and no thread
begins a step before all threads have ended the previous one. The steps allocate no memory.
"""
mutable struct ThreadPool
    const members::Int
    @atomic next::Int
    @atomic arrived::Int
    @atomic step::Int
end

ThreadPool(members::Int) = ThreadPool(members, 0, 0, 0)

"The next free job, numbered from 0."
next_job!(pool::ThreadPool) = (@atomic :monotonic pool.next += 1) - 1

"Wait until all members have called this; the jobs then start again from 0."
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

Call `work(pool)` on each of `threads` threads, including the present one. Throws an `ArgumentError` if Julia has fewer
threads.
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
