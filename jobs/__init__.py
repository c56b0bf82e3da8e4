"""Command line, run folders, executors: from a configuration to finished pixels."""

from jobs.errors import ConfigError

__all__ = ["ConfigError"]
