"""From labelled input to lanes of the kernel, and back."""
