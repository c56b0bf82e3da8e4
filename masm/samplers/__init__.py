"""Monte Carlo on a given log density of the unit cube, and its diagnostics."""
