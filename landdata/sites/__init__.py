"""Files of single places."""
