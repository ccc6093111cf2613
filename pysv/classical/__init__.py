"""Electrons beside classical vectors in place of the localized spins."""
