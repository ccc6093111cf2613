"""Bosonic baths of the localized spins."""
