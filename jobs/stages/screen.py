"""Screening of a run's pixels by any method: one file each, then one for all."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.config.priors import calibrated_parameters
from jobs.config.process_model import model_of, units_of
from jobs.config.schema import Config
from jobs.disk_errors import system_fault
from jobs.errors import ConfigError, Problem, did_you_mean
from jobs.files import OddFile, lexists, put_aside, replacing, write_text
from jobs.inputs.pixel_data import forcing_of, observations_of
from jobs.inputs.simulate import calibration_model
from jobs.inputs.streams import make_streams
from jobs.netcdf_files import read_netcdf, write_netcdf
from jobs.run.periods import pixel_periods
from jobs.run.pixel import Pixel
from jobs.run.run import Run, open_run
from jobs.run_tables import read_run_table

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    import masm

logger = logging.getLogger(__name__)

PAPER = (
    "alpha3", "theta3", "beta3", "vmax", "p5", "p14", "p15", "p17", "p18", "p20",
)  # fmt: skip
"""The ten parameters that Ma et al. (2022, section 3.2.1) selected."""


def screening_pixels(run: Run) -> list[Pixel]:
    """Return the pixels to screen: a region's screening fraction, else the run's own.

    A fraction of 0 is none. Where a list of places leaves no others, it is screened.
    """
    if not run.source.is_region:
        return run.pixels
    from jobs.run.pixels import choose
    from jobs.run.region_sample import draw_sample, open_region, pixels_at, region_of

    if region_of(run.config).sample.screening == 0:
        return []
    sample = draw_sample(run.config, run.folder.path)
    chosen = pixels_at(open_region(run.cube), sample.screening)
    return chosen or choose(run.pixels, [])


def pixels_left(run: Run, pixels: Sequence[Pixel]) -> list[Pixel]:
    """Return pixels that have neither effects nor a failure yet."""
    return [
        pixel
        for pixel in pixels
        if not (_result(run, pixel.id).exists() or _failure(run, pixel.id).exists())
    ]


def screen_unit(path: Path, pixel_id: int) -> None:
    """Screen one pixel of a run and write its effects, or why there are none."""
    import masm

    run = open_run(path)
    pixel = next(one for one in screening_pixels(run) if one.id == pixel_id)
    try:
        found = _effects(run, pixel)
    except (ValueError, masm.CalibrationFailed) as exc:
        if fault := system_fault(exc):
            raise fault from exc
        logger.warning("screening of pixel %d failed: %s", pixel_id, exc)
        write_text(_failure(run, pixel_id), f"{exc}\n")
        return
    with replacing(_result(run, pixel_id)) as aside:
        write_netcdf(found, aside)


def gather(run: Run, pixels: Sequence[Pixel]) -> xr.Dataset:
    """Put the pixels' effects into ``screening/METHOD.nc``.

    Returns
    -------
    xarray.Dataset
        As the method returns it, over ``pixel`` too, with each pixel's place.

    Raises
    ------
    ConfigError
        If no pixel could be screened.
    """
    import xarray as xr

    parts, places = [], []
    for pixel in pixels:
        path = _result(run, pixel.id)
        if not lexists(path):
            continue
        try:
            parts.append(read_netcdf(path))
        except ValueError as exc:
            aside = put_aside(path)
            logger.warning("%s: %s; it is now %s", path.name, exc, aside.name)
            continue
        places.append(pixel)
    if not parts:
        raise ConfigError(
            Problem(
                str(run.folder.path / "screening"),
                "no pixel could be screened",
                hint=f"The files failed_*.txt in {_design_folder(run)} say why.",
            )
        )
    together = xr.concat(parts, "pixel", coords="minimal", compat="override")
    together = together.assign_coords(
        pixel=(
            "pixel",
            [pixel.id for pixel in places],
            {"long_name": "id of the pixel"},
        ),
        latitude=(
            "pixel",
            [pixel.latitude for pixel in places],
            {"units": "degrees_north", "standard_name": "latitude"},
        ),
        longitude=(
            "pixel",
            [pixel.longitude for pixel in places],
            {"units": "degrees_east", "standard_name": "longitude"},
        ),
    )
    together.attrs["title"] = f"{run.config.name}: {title_of(run.config)}"
    with replacing(effects_file(run)) as aside:
        write_netcdf(together, aside)
    return together


TITLES = {
    "morris": "Morris screening",
    "sobol": "Sobol total indices",
    "sums_of_squares": "sums of squares",
    "fast": "eFAST total indices",
    "derivatives": "bounds by derivatives",
}
"""Method of screening to what people call it."""


def title_of(config: Config) -> str:
    """Return what people call the configuration's method of screening."""
    return TITLES[config.screening.method]


def effects_file(run: Run) -> Path:
    """Return the file of all pixels' effects, by the method's name."""
    return run.folder.path / "screening" / f"{run.config.screening.method}.nc"


def runs_of_a_pixel(config: Config) -> int:
    """Return the model runs that the screening of a pixel costs."""
    from masm.sensitivity.regression import default_draws

    rule, n = config.screening, len(every_prior(config))
    if rule.method == "morris":
        return rule.trajectories * (n + 1)
    if rule.method == "sobol":
        return rule.sobol_base * (n + 2)
    if rule.method == "fast":
        return rule.curve * n
    if rule.method == "derivatives":
        return rule.points * (2 * n + 1)
    return rule.draws or default_draws(n, rule.products)


def selection_of(config: Config, effects: xr.Dataset) -> masm.Selection:
    """Apply the configuration's rule of selection."""
    import masm

    rule = config.screening
    return masm.select(
        effects,
        share=rule.share,
        threshold=rule.threshold,
        statistics=rule.statistics,
        include=rule.include,
        exclude=rule.exclude,
    )


def comparison(selected: masm.Selection, config: Config) -> pd.DataFrame:
    """Lay the selection beside what the run calibrates and what the paper selected.

    Returns
    -------
    pandas.DataFrame
        A row for each parameter that any of the three names, by largest fraction:
        ``parameter``, ``share_<stream>`` (1), ``selected``, ``calibrated`` (bool)
        and ``meaning``; ``paper`` (bool) of the model that the paper used.
    """
    table = selected.table.pivot(index="parameter", columns="stream", values="share")
    table.columns = [f"share_{name}" for name in table.columns]
    calibrated = calibrated_parameters(config)
    table["selected"] = table.index.isin(selected.parameters)
    table["calibrated"] = table.index.isin(calibrated)
    named = table["selected"] | table["calibrated"]
    known = model_of(config).parameters
    if set(PAPER) <= set(table.index):
        table["paper"] = table.index.isin(PAPER)
        named |= table["paper"]
    table["meaning"] = [known[name].description for name in table.index]
    fractions = table.filter(like="share_").max(axis=1)
    order = fractions[named].sort_values(ascending=False).index
    return table.loc[order].reset_index()


def write_selection(run: Run, selected: masm.Selection) -> Path:
    """Write every fraction, rank and choice as ``screening/selection.csv``."""
    path = run.folder.path / "screening" / "selection.csv"
    table = selected.table.assign(
        selected=selected.table["parameter"].isin(selected.parameters)
    )
    with replacing(path) as aside:
        table.to_csv(aside, index=False, float_format="%.6g")
    write_text(path.with_name("rule.txt"), selected.rule + "\n")
    return path


def confirm(run: Run, pixels: Sequence[Pixel], effects: xr.Dataset) -> pd.DataFrame:
    """Compare Morris with Sobol total indices on the first pixels of the sample.

    Writes ``sobol_<base points>.csv`` beside the pixels' effects; pixels that are there
    already are not run again.

    Returns
    -------
    pandas.DataFrame
        As `masm.sensitivity.sobol.compare`, with ``pixel`` first.
    """
    import pandas as pd

    from masm.sensitivity.sobol import compare

    base = run.config.screening.sobol_base
    path = _design_folder(run) / f"sobol_{base}.csv"
    done = pd.DataFrame({"pixel": []})
    try:
        done = read_run_table(path, numbers=["pixel"])
    except FileNotFoundError:
        pass
    except OddFile as exc:
        logger.warning("%s; now %s", exc, put_aside(path))
    for pixel in pixels[: run.config.screening.sobol_pixels]:
        screened = pixel.id in effects["pixel"].to_numpy()
        if pixel.id in set(done["pixel"]) or not screened:
            continue
        totals = _totals(run, pixel)
        table = compare(effects.sel(pixel=pixel.id), totals)
        table.insert(0, "pixel", pixel.id)
        done = table if done.empty else pd.concat([done, table], ignore_index=True)
        with replacing(path) as aside:
            done.to_csv(aside, index=False, float_format="%.6g")
    return done


def check_screening(config: Config) -> None:
    """Refuse unknown parameters in the user's lists, and too few draws.

    Raises
    ------
    ConfigError
        Naming the first of them, or both numbers of draws.
    """
    known, rule = model_of(config).parameters, config.screening
    for key, names in (
        ("parameters", rule.parameters or []),
        ("bounds", list(rule.bounds)),
        ("include", rule.include),
        ("exclude", rule.exclude),
    ):
        for name in names:
            if name not in known:
                raise ConfigError(
                    Problem(
                        "config.yaml",
                        f"screening.{key}",
                        found=f'an unknown parameter "{name}"',
                        wanted="an id of the parameter table",
                        hint=did_you_mean(name, known),
                    )
                )
    _refuse_bounds(config)
    if rule.method == "sums_of_squares":
        _refuse_few_draws(config)


def _refuse_bounds(config: Config) -> None:
    known, rule = model_of(config).parameters, config.screening
    for name, (low, high) in rule.bounds.items():
        row = known[name]
        if not row.low <= low < high <= row.high:
            raise ConfigError(
                Problem(
                    "config.yaml",
                    f"screening.bounds.{name}",
                    found=f"[{low:g}, {high:g}]",
                    wanted=f"low < high within [{row.low:g}, {row.high:g}] {row.unit}",
                )
            )
    looked_at = set(every_prior(config).names)
    for key, names in (("include", rule.include), ("exclude", rule.exclude)):
        for name in names:
            if name not in looked_at:
                raise ConfigError(
                    Problem(
                        "config.yaml",
                        f"screening.{key}",
                        found=f'"{name}", which is not looked at',
                        wanted="a parameter of screening.parameters",
                    )
                )


def _refuse_few_draws(config: Config) -> None:
    from masm.sensitivity.sums_of_squares import least_draws

    rule, n = config.screening, len(every_prior(config))
    least, found = least_draws(n, products=rule.products == "all"), rule.draws
    if found is not None and found < least:
        raise ConfigError(
            Problem(
                "config.yaml",
                "screening.draws",
                found=f"{found} draws for {least // 3} coefficients of {n} parameters",
                wanted=f"{least} or more: three for each coefficient",
                hint="Products of parameters with a main effect alone need fewer: "
                "screening.products: screened."
                if rule.products == "all"
                else "",
            )
        )


def _effects(run: Run, pixel: Pixel) -> xr.Dataset:
    import masm

    rule = run.config.screening
    if rule.method == "sobol":
        return _totals(run, pixel)
    model, streams = _problem(run, pixel)
    priors, seed = every_prior(run.config), [run.config.seed, pixel.id]
    if rule.method == "sums_of_squares":
        return masm.regression_effects(
            model,
            priors,
            seed=seed,
            observations=streams,
            n_draws=rule.draws,
            products=rule.products,
        )
    if rule.method == "fast":
        return masm.fourier_effects(
            model, priors, seed=seed, observations=streams, n_per_curve=rule.curve
        )
    if rule.method == "derivatives":
        return masm.derivative_effects(
            model, priors, seed=seed, observations=streams, n_points=rule.points
        )
    return masm.screen(
        model,
        priors,
        seed=seed,
        observations=streams,
        n_trajectories=rule.trajectories,
        n_levels=rule.levels,
    )


def _totals(run: Run, pixel: Pixel) -> xr.Dataset:
    import masm

    model, streams = _problem(run, pixel)
    return masm.total_effects(
        model,
        every_prior(run.config),
        seed=[run.config.seed, pixel.id],
        observations=streams,
        n_base=run.config.screening.sobol_base,
    )


def every_prior(config: Config) -> masm.Priors:
    """Return uniform priors of the parameters to look at, by default all.

    A parameter whose bounds are equal is a constant and left out.
    """
    import masm

    rule, priors = config.screening, {}
    for name, row in model_of(config).parameters.items():
        if rule.parameters is not None and name not in rule.parameters:
            continue
        low, high = rule.bounds.get(name, (row.low, row.high))
        if low < high:
            default = min(max(row.default, low), high)
            priors[name] = masm.Uniform(low, high, default=default, units=row.unit)
    return masm.Priors(priors)


def _problem(run: Run, pixel: Pixel) -> tuple[Any, dict[str, Any]]:
    config = run.config
    forcing = forcing_of(run, pixel)
    observations = observations_of(run, pixel, forcing)
    years = pixel_periods(config, forcing).calibration
    streams = make_streams(observations, config.streams, years, units=units_of(config))
    return calibration_model(config, forcing), streams


def _result(run: Run, pixel_id: int) -> Path:
    return _design_folder(run) / f"{pixel_id}.nc"


def _failure(run: Run, pixel_id: int) -> Path:
    return _design_folder(run) / f"failed_{pixel_id}.txt"


def _design_folder(run: Run) -> Path:
    # Effects of another design are no part of this one.
    rule = run.config.screening
    name = f"{rule.trajectories}_trajectories_{rule.levels}_levels"
    if rule.method == "sobol":
        name = f"sobol_{rule.sobol_base}_base_points"
    elif rule.method == "sums_of_squares":
        n = runs_of_a_pixel(run.config)
        name = f"sums_of_squares_{n}_draws_{rule.products}_products"
    elif rule.method == "fast":
        name = f"fast_{rule.curve}_runs_a_curve"
    elif rule.method == "derivatives":
        name = f"derivatives_{rule.points}_points"
    if rule.parameters is not None or rule.bounds:
        asked = json.dumps([rule.parameters, rule.bounds], sort_keys=True)
        name += f"_{hashlib.sha256(asked.encode()).hexdigest()[:8]}"
    return run.folder.path / "screening" / "pixels" / name
