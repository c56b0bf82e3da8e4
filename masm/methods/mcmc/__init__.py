"""Markov chains on the model itself."""
