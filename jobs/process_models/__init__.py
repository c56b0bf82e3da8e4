"""One adapter per process model, and what an adapter must offer."""
