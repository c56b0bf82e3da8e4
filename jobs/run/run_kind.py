"""What kind of run a folder holds."""

from __future__ import annotations

from pathlib import Path

from jobs.config.reader import kind_of_run
from jobs.config.run_kinds import RunKind
from jobs.config.yaml_positions import read_document
from jobs.errors import ConfigError
from jobs.files import is_file
from jobs.run.folder import RunFolder


def kind_of(run: Path) -> RunKind | None:
    """Return the kind of a run folder; None for a run of pixels.

    A configuration that cannot be read is none of a kind: the command that reads it
    says what is wrong with it.
    """
    config = RunFolder(run).config
    if not is_file(config) and not config.is_symlink():
        return None
    try:
        return kind_of_run(read_document(config))
    except ConfigError:
        return None
