"""Methods that give the best point only."""
