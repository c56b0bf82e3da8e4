"""Pure functions from measured to derived weather variables."""
