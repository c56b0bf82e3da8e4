"""What was observed: streams, time windows, error models."""
