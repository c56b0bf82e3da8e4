"""How far predictions are from observations."""
