"""Ensemble Kalman methods for parameters."""
