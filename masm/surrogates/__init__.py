"""Surrogates of the cost of a problem."""
