"""The error of bad input is that of all process models."""

from landmodels.errors import InputError

__all__ = ["InputError"]
