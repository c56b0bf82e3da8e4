"""Configurations to start from, as ``masm init`` writes them."""
