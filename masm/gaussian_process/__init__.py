"""Gaussian-process regression; knows nothing of calibration."""
