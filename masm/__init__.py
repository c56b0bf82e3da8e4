"""Calibrate any process model, pixel by pixel, with an adaptive surrogate."""
