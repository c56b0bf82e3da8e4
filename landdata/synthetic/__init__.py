"""Synthetic weather and regions, for demonstrations and tests."""
