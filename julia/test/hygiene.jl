# What Aqua.jl checks, without Aqua: no ambiguous methods, every dependency used and bounded.

"The sources below a folder of the package."
sources(folder) =
    [read(joinpath(root, file), String) for (root, _, files) in walkdir(joinpath(pkgdir(PySV), folder)) for file in files]

"Whether a package is used in a folder of the package."
used(name, folder) = any(source -> occursin(Regex("(?m)^using $name\\b"), source), sources(folder))

@testset "hygiene" begin
    project = TOML.parsefile(joinpath(pkgdir(PySV), "Project.toml"))
    @testset "no ambiguous methods" begin
        @test isempty(detect_ambiguities(PySV, Several; recursive=true))
    end
    @testset "no unbound type parameters" begin
        @test isempty(detect_unbound_args(PySV, Several; recursive=true))
    end
    @testset "$name is used and has a bound" for name in keys(project["deps"])
        @test used(name, "src")
        @test haskey(project["compat"], name)
    end
    @testset "$name is used by the extension alone, loads it, and has a bound" for name in keys(project["weakdeps"])
        @test used(name, "ext")
        @test !used(name, "src")
        @test name in project["extensions"][string(nameof(Several))]
        @test haskey(project["compat"], name)
    end
    @testset "every export exists" begin
        @test all(name -> isdefined(PySV, name), names(PySV))
    end
end
