"""The model's equations: every file here is compiled, and nothing else is."""
