"""Compiled loops of one electron: arrays in, arrays out."""
