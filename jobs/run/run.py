"""Open a run folder, and fix what it is when it is first started."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.config.lock import apply_lock, check_inputs, keys_set, refuse_lost, write_lock
from jobs.config.priors import prior_bounds, priors_of
from jobs.config.reader import read_config
from jobs.config.schema import Config
from jobs.config.yaml_positions import Document
from jobs.files import sweep
from jobs.run.file_lock import alone
from jobs.run.folder import RunFolder
from jobs.run.pixel import Pixel
from jobs.run.pixels import read_pixels, write_pixels
from jobs.run.provenance import checksums, read_record, record
from jobs.run.sources import PixelSource, source_of
from jobs.run.start_files import bind, check_start_files, is_bound

if TYPE_CHECKING:
    import masm


@dataclass(frozen=True)
class Run:
    """A run folder with its validated configuration.

    Attributes
    ----------
    folder : RunFolder
        Where everything is.
    config : Config
        Of a started run with the locked value of every key that the user left out.
    document : Document
        What the user wrote.
    lost : list of str
        Locked keys that this version of the software cannot use.
    started : bool
        Whether it had started when it was opened.
    """

    folder: RunFolder
    config: Config
    document: Document
    lost: list[str] = field(default_factory=list)
    started: bool = False

    @cached_property
    def source(self) -> PixelSource:
        """Where the pixels come from."""
        return source_of(self.config, self.folder.path)

    @cached_property
    def pixels(self) -> list[Pixel]:
        """The pixels to calibrate.

        Of a started region run as it wrote them down: status and results need no
        cube, which may lie on another machine.
        """
        if self.source.is_region and self.started:
            return read_pixels(self.folder.pixel_table)
        return self.source.pixels()

    @cached_property
    def bounds(self) -> dict[str, tuple[float, float]]:
        """Bounds of the prior of each calibrated parameter."""
        return prior_bounds(self.config)

    @cached_property
    def priors(self) -> masm.Priors:
        """Priors of the calibrated parameters."""
        return priors_of(self.config)

    @property
    def cube(self) -> Path:
        """Folder of the region cube; only where pixels come from a region."""
        from jobs.run.region_sample import region_of

        return (self.folder.path / region_of(self.config).cube).resolve()

    @property
    def inputs(self) -> dict[str, Path]:
        """Input files of the whole run, by their name in the configuration."""
        found = {f"pixels.{key}": path for key, path in self.source.files().items()}
        if (traits := self.config.calibration.traits) is not None:
            found["calibration.traits"] = (self.config.folder / traits).resolve()
        return found


def open_run(path: Path) -> Run:
    """Read a run folder's configuration; touches nothing.

    Raises
    ------
    ConfigError
        If the configuration is wrong in itself, or the user changed what the run
        started with. Defaults of the software may have changed: the locked ones hold.
    """
    from jobs.config.checks import check_meaning
    from jobs.config.methods import with_defaults

    folder = RunFolder(path)
    config, document = read_config(folder.config)
    folder.refuse_links()
    if not check_start_files(folder):
        check_meaning(config, document)
        return Run(folder, with_defaults(config), document)
    were_set = read_record(folder.record).get("keys_set", ())
    config, lost = apply_lock(config, document, folder.lock, were_set)
    return Run(folder, config, document, lost, started=True)


def start(run: Run) -> None:
    """Write lock, record and pixel table on the first start; compare on later ones.

    Raises
    ------
    ConfigError
        If an input is missing, or changed since the first start; if the run rests on
        keys that this version of the software cannot use.
    """
    folder = run.folder
    folder.require_writable()
    with alone(folder.path, "starting", wait=True):
        if not check_start_files(folder):
            _start_first(run)
            return
        facts = read_record(folder.record)
        inputs = dict(run.inputs)
        version = str(facts.get("versions", {}).get("masm", "of its start"))
        refuse_lost(run.lost, folder.lock, version)
        if folder.pixel_table.name in facts["inputs"]:
            inputs[folder.pixel_table.name] = folder.pixel_table
        check_inputs(facts["inputs"], checksums(inputs))
        if not is_bound(folder):
            bind(folder, facts)


_BEGUN = (".config.lock.", ".run.", ".pixels.")
"""What the names begin with that a start writes to first."""


def _start_first(run: Run) -> None:
    """Write table, lock and record, each whole; with the record the run has started."""
    folder, inputs = run.folder, dict(run.inputs)
    sweep(folder.path, keep=lambda path: not path.name.startswith(_BEGUN))
    write_pixels(run.pixels, folder.pixel_table)
    write_lock(run.config, folder.lock)
    if run.source.is_region:
        inputs[folder.pixel_table.name] = folder.pixel_table  # read from now on
    facts = record(run.config.seed, checksums(inputs))
    bind(folder, {**facts, "keys_set": keys_set(run.document)})
