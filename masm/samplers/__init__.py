"""Samplers of a cost or a density that need nothing else of the package."""
