"""The region cube: layout, build, read, check."""
