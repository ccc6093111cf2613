"""Two electrons, exactly."""
