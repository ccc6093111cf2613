"""Physics without time: bases, layers, initial states, conservation laws, baths."""
