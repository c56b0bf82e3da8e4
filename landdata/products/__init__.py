"""Gridded products, one file per provider."""
