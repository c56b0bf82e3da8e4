"""The command line; the only place that prints."""

from jobs.cli.app import app, main

__all__ = ["app", "main"]
