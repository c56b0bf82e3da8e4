"""A run folder in a notebook: what `masm.open_run` gives."""

from jobs.notebook.opened_run import OpenedRun, open_run

__all__ = ["OpenedRun", "open_run"]
