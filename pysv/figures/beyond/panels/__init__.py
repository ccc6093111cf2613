"""Panels of the figure `beyond`, one file each: a row of three pictures with its runs and claims."""
