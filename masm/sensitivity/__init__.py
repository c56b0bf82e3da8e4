"""Which parameters matter."""
