"""The default method: an adaptive Gaussian-process surrogate (``emulator``)."""
