"""The configuration file: its form, its meaning and its lock."""
