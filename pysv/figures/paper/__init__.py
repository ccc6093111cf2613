"""The figures of the paper, one file each; see `pysv.figures.catalog`."""
