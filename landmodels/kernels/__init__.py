"""What the compiled kernels of all process models share."""
