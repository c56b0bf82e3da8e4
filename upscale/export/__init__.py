"""Files for other software."""
