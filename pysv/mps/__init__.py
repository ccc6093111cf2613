"""Several electrons as a matrix-product state: the chain, the state, its evolution and what is measured on it."""
