"""One state over several processes: each rank holds a section of the chain."""
