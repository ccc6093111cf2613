"""One electron on a GPU: states, sums and the recursion in the memory of a CUDA device."""
