"""Running an experiment: the time loop, its listeners, and the two verbs `solve` and `resume`."""
