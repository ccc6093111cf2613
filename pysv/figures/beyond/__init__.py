"""Figures of what the paper could not show, one file each."""
