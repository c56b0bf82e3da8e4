"""Steps of a search for a steady state, compiled."""
