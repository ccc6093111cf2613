"""Faults injected into pysv on purpose: `python -m faults` writes docs/faults.md. One file is one class of faults.

`process` runs a command and says how it ended, `promises` says what every command owes, `samples` has the experiments.
"""
