"""Open a run folder, and fix what it is when it is first started."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from jobs.config.lock import apply_lock, check_inputs, keys_set, refuse_lost, write_lock
from jobs.config.reader import read_config
from jobs.config.schema import Config
from jobs.config.yaml_positions import Document
from jobs.run.folder import RunFolder
from jobs.run.pixel import Pixel
from jobs.run.pixels import pixels_of, read_pixels, write_pixels
from jobs.run.provenance import checksums, read_record, record, write_record


@dataclass(frozen=True)
class Run:
    """A run folder with its validated configuration.

    Attributes
    ----------
    folder : RunFolder
        Where everything stands.
    config : Config
        Of a started run with the locked value of every key that the user left out.
    document : Document
        What the user wrote.
    lost : list of str
        Locked keys that this version of the software cannot use.
    """

    folder: RunFolder
    config: Config
    document: Document
    lost: list[str] = field(default_factory=list)

    @cached_property
    def pixels(self) -> list[Pixel]:
        """The pixels to calibrate.

        Of a started region run as it wrote them down: status and results need no
        cube, which may lie on another machine.
        """
        region = self.config.pixels.source == "region"
        if region and self.folder.lock.exists() and self.folder.pixel_table.exists():
            return read_pixels(self.folder.pixel_table)
        return pixels_of(self.config, self.folder.path)

    @property
    def cube(self) -> Path:
        """Folder of the region cube; only where pixels come from a region."""
        from jobs.run.region_sample import region_of

        return (self.folder.path / region_of(self.config).cube).resolve()

    @property
    def inputs(self) -> dict[str, Path]:
        """Input files of the whole run, by their name in the configuration."""
        place = self.config.pixels
        files: dict[str, Path | None] = {}
        if place.source == "site":
            files = {
                "tower": place.tower,
                "station": place.station,
                "modis_lai": place.modis_lai,
            }
        elif place.source == "table":
            files = {"table": place.table}
        elif place.source == "region":
            listed = place.sample.places
            # The list of checksums stands for the whole cube.
            files = {
                "cube": place.cube / "checksums.json",
                "sample.places": listed if isinstance(listed, Path) else None,
            }
        return {
            f"pixels.{key}": (self.folder.path / path).resolve()
            for key, path in files.items()
            if path is not None
        }

    def pixel_file(self, pattern: str, pixel: Pixel) -> Path:
        """Return a pixel's own input file from a pattern such as ``obs/{id}.nc``."""
        name = pattern.replace("{id}", pixel.given_id).replace("{name}", pixel.name)
        return (self.folder.path / name).resolve()


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
    if not folder.lock.exists():
        check_meaning(config, document)
        return Run(folder, with_defaults(config), document)
    were_set = read_record(folder.record).get("keys_set", ())
    config, lost = apply_lock(config, document, folder.lock, were_set)
    return Run(folder, config, document, lost)


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
    inputs = dict(run.inputs)
    recorded = read_record(folder.record)
    if recorded:
        version = recorded.get("versions", {}).get("masm", "of its start")
        refuse_lost(run.lost, folder.lock, version)
        if folder.pixel_table.name in recorded["inputs"]:
            inputs[folder.pixel_table.name] = folder.pixel_table
        check_inputs(recorded["inputs"], checksums(inputs))
        return
    write_pixels(run.pixels, folder.pixel_table)
    write_lock(run.config, folder.lock)
    if run.config.pixels.source == "region":
        inputs[folder.pixel_table.name] = folder.pixel_table  # read from now on
    facts = record(run.config.seed, checksums(inputs))
    write_record(folder.record, {**facts, "keys_set": keys_set(run.document)})
