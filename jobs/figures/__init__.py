"""Figures, each beside its table."""
