"""The page, its style and its script."""
