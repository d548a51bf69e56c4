"""The configuration as a worker uses it: compiled, immutable, replaced whole."""
