"""Regressions for many runs, each with a standard deviation of its error."""
