"""Weather and observations of a pixel, wherever they come from."""
