"""Measurements of calibration methods and of the model, side by side."""
