"""From arguments to arrays and back."""
