"""Predictors of a pixel."""
