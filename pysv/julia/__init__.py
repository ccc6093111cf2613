"""Interface to Julia: its set-up, and the session with the bundled package."""
