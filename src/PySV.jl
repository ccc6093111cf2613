# The package as `julia --project` finds it in the checkout's root; its sources are in `julia/`.
Base.include(@__MODULE__, joinpath(@__DIR__, "..", "julia", "src", "PySV.jl"))
