"""Costs with gradients and their minima: what several methods share."""
