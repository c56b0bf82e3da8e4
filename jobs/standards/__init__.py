"""Simulations of a calibrated run in the formats of other communities."""
