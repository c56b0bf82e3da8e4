"""The run folder and its pixels."""
