"""How well parameters of other sites serve at a site that is left out.

Every site of a run is left out in turn, with its neighbours, and predicted in its
validation years: by parameters of the others in several ways, by mappers that look at
covariates, and by baselines that a process model has to beat. No observation of the
target enters, except where a row says so. Files are written to ``spatial/``.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jobs.disk_errors import system_fault
from jobs.errors import ConfigError, Problem
from jobs.files import make_folder, read_json, replacing, sweep, write_text
from jobs.run.pixel import Pixel
from jobs.run.pixel_files import digest_of_posterior, posterior_content
from jobs.run.pixel_state import FINISHED, state_of
from jobs.run.run import Run
from jobs.run.seeds import RunStream
from jobs.run.site_results import is_joined, stamp_of
from jobs.run_tables import read_run_table
from jobs.spreadsheets import safe_texts
from jobs.stages.spatial_map import map_places, sentences_of_map
from jobs.stages.spatial_predictions import Array, predict_site, run_site
from jobs.stages.spatial_scores import choose, score_methods, summarise
from jobs.stages.spatial_tables import parameter_table, sentences_of, site_table

logger = logging.getLogger(__name__)

_TABLES = ("scores", "methods", "parameters", "sites", "mapped")


@dataclass(frozen=True)
class SpatialValidation:
    """What the validation left.

    Attributes
    ----------
    scores : pandas.DataFrame
        A row for each site, stream and method, in the validation years.
    methods : pandas.DataFrame
        A row for each stream and method: means over sites.
    parameters : pandas.DataFrame
        A row for each site and parameter: what the chosen mapper gives while the site
        is left out, beside its own posterior.
    sites : pandas.DataFrame
        A row for each site: its block, whether it was learned from, and why not.
    sentences : list of str
        What came of it, in words.
    chosen : str
        The mapper to use.
    mapped : pandas.DataFrame
        A row for each parameter of each place that is not calibrated, by that mapper.
    """

    scores: pd.DataFrame
    methods: pd.DataFrame
    parameters: pd.DataFrame
    sites: pd.DataFrame
    sentences: list[str] = field(default_factory=list)
    chosen: str = "ensemble"
    mapped: pd.DataFrame = field(default_factory=pd.DataFrame)


def validate_spatially(
    run: Run, on_sites: Callable[[int], None] | None = None
) -> SpatialValidation:
    """Leave every site out in turn, score all methods, and write what came of it.

    Parameters
    ----------
    run : Run
        A started run of a table of sites, some of them calibrated.
    on_sites : callable, optional
        Called for sites that are done; each twice: once run, once left out.

    Raises
    ------
    ConfigError
        If fewer than two sites are calibrated.
    """
    rules, names = run.config.spatial, list(run.bounds)
    pixels, left_out = _calibrated(run)
    draws = {pixel.id: _draws(run, pixel, names) for pixel in pixels}
    every = _covariates(run, [*pixels, *left_out])
    table = every.loc[[pixel.id for pixel in pixels]]
    candidates = pd.DataFrame(
        np.concatenate([draws[pixel.id][: rules.draws] for pixel in pixels]),
        columns=names,
    )
    owner = np.repeat(np.arange(len(pixels)), rules.draws)
    blocks = _blocks(pixels, rules.neighbours_km)
    known = []
    for row, pixel in enumerate(pixels):
        mine = owner == row
        args = (run, pixel, int(blocks[row]), draws[pixel.id], candidates, mine)
        known.append(run_site(*args))
        _count_site(on_sites)
    rows, mapped = [], []
    for target in range(len(known)):
        predicted, theta = predict_site(run, known, owner, candidates, table, target)
        rows.append(predicted)
        mapped.append(theta)
        _count_site(on_sites)
    scores = score_methods(run, known, rows)
    methods = summarise(scores)
    chosen = choose(run, methods)
    sites = site_table(known, left_out)
    places = list(left_out)
    everywhere = map_places(run, known, places, every, chosen, names)
    found = SpatialValidation(
        scores,
        methods,
        parameter_table(run, known, mapped, chosen, names),
        sites,
        sentences_of(run, methods, sites, chosen)
        + sentences_of_map(everywhere, places, chosen),
        chosen,
        everywhere,
    )
    _write(run, found)
    return found


def open_spatial(run: Run) -> SpatialValidation:
    """Open what ``validate_spatially`` left.

    Raises
    ------
    ConfigError
        If it left nothing, or it is of other calibrations.
    """
    folder = run.folder.path / "spatial"
    facts, tables = _read(folder)
    if facts.get("of") != _stamp(run):
        raise ConfigError(
            Problem(
                str(folder),
                "there is no validation at left-out sites of the present calibrations",
                hint=f"masm spatial {run.folder.path}",
            )
        )
    return SpatialValidation(
        sentences=facts["sentences"], chosen=facts["chosen"], **tables
    )


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """Read what was written; nothing where a part is missing or damaged."""
    try:
        facts = read_json(folder / "verdict.json")
        tables = {name: read_run_table(folder / f"{name}.csv") for name in _TABLES}
        reason = tables["sites"]["reason"].astype(object)
        tables["sites"]["reason"] = reason.where(reason.notna(), "")
        whole = isinstance(facts, dict) and {"of", "sentences", "chosen"} <= set(facts)
        whole = whole and isinstance(facts["sentences"], list)
    except (FileNotFoundError, KeyError, ValueError):
        return {}, {}
    return (facts, tables) if whole else ({}, {})


def _count_site(on_sites: Callable[[int], None] | None) -> None:
    if on_sites is not None:
        on_sites(1)


def _calibrated(run: Run) -> tuple[list[Pixel], dict[Pixel, str]]:
    found, left_out = [], {}
    for pixel in run.pixels:
        state = state_of(run.folder.pixel(pixel.id))
        if state.state not in FINISHED:
            left_out[pixel] = f"{state.state} {state.reason or ''}".strip()
        elif damage := _damage(run, pixel):
            left_out[pixel] = f"damaged: {damage}"
        else:
            found.append(pixel)
    if len(found) < 2:
        raise ConfigError(
            Problem(
                str(run.folder.path),
                "validation at left-out sites",
                found=f"{len(found)} calibrated sites",
                wanted="two or more, and "
                f"{run.config.spatial.least_sites + 1} to learn from them",
                hint=f"masm calibrate {run.folder.path} --resume",
            )
        )
    return found, left_out


def _damage(run: Run, pixel: Pixel) -> str:
    """Say what is wrong with a pixel's result: the others are validated without it."""
    try:
        _draws(run, pixel, list(run.bounds))
    except Exception as exc:  # whatever a damaged file makes of the reader
        if isinstance(exc, MemoryError) or system_fault(exc):
            raise
        return str(exc)[:200]
    return ""


def _draws(run: Run, pixel: Pixel, names: Sequence[str]) -> Array:
    """Draws of a posterior (draw, parameter), in an order of their own."""
    import xarray as xr

    from masm.hdf5_files import plain_stream

    # The posterior alone: a whole result is read ten times as slowly.
    content = posterior_content(run.folder.pixel(pixel.id))
    stream = plain_stream(content)
    with xr.open_dataset(stream, engine="h5netcdf", group="posterior") as opened:
        posterior = opened.load()
    flat = np.column_stack([posterior[name].to_numpy().ravel() for name in names])
    flat = flat[np.isfinite(flat).all(axis=1)]
    rng = np.random.default_rng([run.config.seed, pixel.id, *RunStream.SPATIAL])
    n = max(run.config.spatial.draws, 200)
    return np.asarray(flat[rng.integers(len(flat), size=n)])


def _covariates(run: Run, pixels: Sequence[Pixel]) -> pd.DataFrame:
    """The table of sites, or the place where it has nothing more."""
    source = run.source
    if hasattr(source, "covariates"):
        table: pd.DataFrame = source.covariates()
        return table.loc[[pixel.id for pixel in pixels]]
    return pd.DataFrame(
        {
            "latitude": [pixel.latitude for pixel in pixels],
            "elevation": [pixel.elevation for pixel in pixels],
            "sand": [pixel.sand for pixel in pixels],
        },
        index=[pixel.id for pixel in pixels],
    )


def _blocks(pixels: Sequence[Pixel], km: float) -> NDArray[np.int64]:
    from upscale.training.few_sites import blocks_of_neighbours

    return blocks_of_neighbours(
        [p.latitude for p in pixels], [p.longitude for p in pixels], km
    )


def _write(run: Run, found: SpatialValidation) -> None:
    folder = run.folder.path / "spatial"
    make_folder(folder)
    sweep(folder)  # one process validates a run at a time
    (folder / "verdict.json").unlink(missing_ok=True)
    for name in _TABLES:
        with replacing(folder / f"{name}.csv") as aside:
            table = safe_texts(getattr(found, name))
            table.to_csv(aside, index=False, float_format="%.6g")
    facts = {"of": _stamp(run), "chosen": found.chosen, "sentences": found.sentences}
    write_text(folder / "verdict.json", json.dumps(facts, indent=1) + "\n")


def _stamp(run: Run) -> str:
    """What the validation rests on: posteriors, settings, and the joint step."""
    parts = [run.config.spatial.model_dump_json(), str(run.config.seed)]
    for pixel in run.pixels:
        folder = run.folder.pixel(pixel.id)
        done = state_of(folder).state in FINISHED
        parts.append(f"{pixel.id} {digest_of_posterior(folder) if done else 'none'}")
    joint = run.config.sites != "separate" and is_joined(run)
    parts.append(str(stamp_of(run)["of"] if joint else joint))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
