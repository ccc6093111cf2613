# What Aqua.jl checks, without Aqua: no ambiguous methods, every dependency used and bounded.

@testset "hygiene" begin
    project = TOML.parsefile(joinpath(pkgdir(PySV), "Project.toml"))
    sources = [read(joinpath(root, file), String) for (root, _, files) in walkdir(joinpath(pkgdir(PySV), "src")) for file in files]
    @testset "no ambiguous methods" begin
        @test isempty(detect_ambiguities(PySV; recursive=true))
    end
    @testset "no unbound type parameters" begin
        @test isempty(detect_unbound_args(PySV; recursive=true))
    end
    @testset "$name is used and has a bound" for name in keys(project["deps"])
        @test any(source -> occursin(Regex("(?m)^using $name\\b"), source), sources)
        @test haskey(project["compat"], name)
    end
    @testset "every export exists" begin
        @test all(name -> isdefined(PySV, name), names(PySV))
    end
end
