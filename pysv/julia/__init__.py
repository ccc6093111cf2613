"""The seam to Julia."""
