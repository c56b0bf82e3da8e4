"""Join the sites of a run: separate, pooled and hierarchical side by side.

Sites are calibrated one by one, as ever. This step runs in one place afterwards: it
makes their model runs again (a posterior keeps parameters and costs, not series), adds
some where the joint posteriors lie, and writes its files with the stamp as the last. It
draws everything from the run's seed, so that a step that was stopped and is done again
comes to the same numbers.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.config.process_model import model_of, units_of
from jobs.errors import ConfigError, Problem
from jobs.files import make_folder, replacing, sweep, write_text
from jobs.inputs.digests import require_same_inputs
from jobs.inputs.pixel_data import forcing_of, observations_of
from jobs.inputs.simulate import calibration_model, simulate
from jobs.inputs.streams import make_streams, pair
from jobs.netcdf_files import write_netcdf
from jobs.run.periods import pixel_periods
from jobs.run.pixel import Pixel
from jobs.run.pixel_files import read_result, read_summary
from jobs.run.pixel_state import FINISHED, state_of
from jobs.run.run import Run
from jobs.run.seeds import RunStream
from jobs.run.simulation_files import save_simulation
from jobs.run.site_results import sites_folder, sites_left_out, stamp_of
from jobs.spreadsheets import safe_texts
from jobs.stages.calibrate_pixel import fitted_streams, read_inputs
from jobs.stages.evaluate import period_names

if TYPE_CHECKING:
    import pandas as pd

    import masm
    from masm.hierarchical import CalibratedSite, StreamErrors, Together

logger = logging.getLogger(__name__)

WAYS = ("separate", "pooled", "hierarchical")
SAMPLING = {"n_chains": 24, "n_draws": 200, "n_warm": 300}
"""Size of the sampling of the joint posteriors."""
_SAME_COST = 1e-6
_LEVELS = (0.05, 0.95)


@dataclass(frozen=True)
class JoinedSites:
    """Tables of the joint step, as they are written.

    Attributes
    ----------
    group : pandas.DataFrame
        A row for each parameter: the group, and whether it belongs to the site.
    parameters : pandas.DataFrame
        A row for each site and parameter: mean and sd by each way.
    verdicts : pandas.DataFrame
        A row for each site.
    scores : pandas.DataFrame
        A row for each site, stream, period and way.
    """

    group: pd.DataFrame
    parameters: pd.DataFrame
    verdicts: pd.DataFrame
    scores: pd.DataFrame


def join_sites(run: Run, on_runs: Callable[[int], None] | None = None) -> JoinedSites:
    """Calibrate the sites of a run together, and write what came of it.

    Parameters
    ----------
    run : Run
        A started run whose sites are calibrated.
    on_runs : callable, optional
        Called with the number of model runs just made.

    Raises
    ------
    ConfigError
        If sites are left to calibrate, or fewer than two have observations.
    """
    import masm
    from masm.hierarchical import calibrate_together

    pixels = pixels_to_join(run)
    folder = sites_folder(run)
    make_folder(folder)
    sweep(folder)
    (folder / "stamp.json").unlink(missing_ok=True)
    stamp = stamp_of(run)
    results: dict[int, masm.Result] = {}
    sites: dict[str, CalibratedSite | None] = {}
    for pixel, observed in pixels.items():
        name = str(pixel.id)
        if not observed:
            sites[name] = None
            continue
        results[pixel.id] = read_result(run.folder.pixel(pixel.id))
        sites[name] = _site(run, pixel, results[pixel.id], on_runs)
    try:
        found = calibrate_together(
            sites,
            seed=[run.config.seed, *RunStream.SITES],
            on_round=on_runs,
            errors=_errors(run),
            **SAMPLING,
        )
    except masm.InputError as exc:
        raise ConfigError(Problem("sites", str(exc))) from exc
    joined = JoinedSites(
        _group_table(run, found, results),
        _parameter_table(run, list(pixels), found, results),
        _verdict_table(list(pixels), found),
        _score_table(run, pixels, found, results),
    )
    _write(run, joined, found, stamp)
    return joined


def _errors(run: Run) -> dict[str, StreamErrors]:
    """Errors of streams, as the configuration has them."""
    from masm.hierarchical import StreamErrors

    return {
        name: StreamErrors(**one.model_dump(exclude_none=True))
        for name, one in run.config.site_errors.items()
    }


def pixels_to_join(run: Run) -> dict[Pixel, bool]:
    """Return the pixels of a group, and whether each has observations to join.

    A site that is left out counts as one without, and is predicted from the others.

    A pixel whose calibration failed for another reason is left out.

    Raises
    ------
    ConfigError
        If a pixel waits to be calibrated, or fewer than two are.
    """
    found, waiting, failed = {}, [], []
    left_out = sites_left_out(run)
    for pixel in run.pixels:
        state = state_of(run.folder.pixel(pixel.id))
        if state.state in FINISHED:
            found[pixel] = pixel.id not in left_out
        elif state.reason == "no_observations":
            found[pixel] = False
        elif state.state == "failed":
            failed.append(pixel.id)
        else:
            waiting.append(pixel.id)
    if waiting:
        raise ConfigError(
            Problem(
                str(run.folder.path / "pixels"),
                "sites are left to calibrate",
                found=f"{len(waiting)} of {len(run.pixels)}, first {waiting[0]}",
                wanted="every site calibrated, before they are joined",
                hint=f"masm calibrate {run.folder.path} --resume",
            )
        )
    if sum(found.values()) < 2:
        raise ConfigError(
            Problem(
                str(run.folder.path / "pixels"),
                "sites together",
                found=f"{sum(found.values())} calibrated site(s) with observations",
                wanted="two or more",
                hint="One site is no group: sites: separate.",
            )
        )
    if failed:
        logger.warning("left out, their calibrations failed: %s", failed)
    return found


def _site(
    run: Run,
    pixel: Pixel,
    result: masm.Result,
    on_runs: Callable[[int], None] | None,
) -> CalibratedSite:
    """The problem of a calibrated pixel, and its model runs made again."""
    from masm.hierarchical import CalibratedSite, site_problem

    read = read_inputs(run, pixel)
    summary = read_summary(run.folder.pixel(pixel.id))
    require_same_inputs(run, pixel, summary, read.forcing, read.observations)
    priors = run.priors
    model = calibration_model(run.config, read.forcing)
    fitted = fitted_streams(run.config, list(read.streams))
    streams = {name: read.streams[name] for name in fitted}
    problem = site_problem(model, streams, priors)
    table = result.groups["runs"]
    theta = np.column_stack([table[name].to_numpy() for name in priors.names])
    runs = problem.run(np.clip(problem.unit(theta), 0.0, 1.0))
    if on_runs is not None:
        on_runs(runs.n)
    before = table["cost"].to_numpy()
    both = np.isfinite(before) & runs.ok
    off = np.abs(runs.cost[both] - before[both])
    if both.sum() == 0 or np.any(off > _SAME_COST * (1.0 + np.abs(before[both]))):
        raise ConfigError(
            Problem(
                f"pixel {pixel.id}",
                "its model runs do not come out as when it was calibrated",
                found=f"costs that differ by up to {off.max(initial=0.0):.3g}",
                wanted="the same model and inputs",
                hint=f"Calibrate it again: masm retry {run.folder.path} "
                f"--pixel {pixel.id}, after taking away its folder.",
            )
        )
    return CalibratedSite(problem, runs)


def _separate(result: masm.Result, names: tuple[str, ...]) -> np.ndarray:
    """Draws of a site's own posterior, (draw, parameter)."""
    return np.column_stack([result.posterior[n].to_numpy().ravel() for n in names])


def _parameter_table(
    run: Run, pixels: list[Pixel], found: Together, results: dict[int, masm.Result]
) -> pd.DataFrame:
    import pandas as pd

    priors, names = run.priors, found.parameters
    known = model_of(run.config).parameters
    pooled = found.theta(found.pooled.theta[:, :, 0], priors).reshape(-1, len(names))
    rows = []
    for k, pixel in enumerate(pixels):
        draws = {
            "pooled": pooled,
            "hierarchical": _flat(
                found.theta(found.hierarchical.theta[:, :, k], priors)
            ),
            "other": _flat(found.theta(found.other.theta[:, :, k], priors)),
        }
        if pixel.id in results:
            draws["separate"] = _separate(results[pixel.id], names)
        for j, name in enumerate(names):
            row: dict[str, Any] = {
                "pixel": pixel.id,
                "name": pixel.name,
                "parameter": name,
                "unit": known[name].unit,
                "from_group": int(pixel.id not in results),
            }
            for way in (*WAYS, "other"):
                values = draws[way][:, j] if way in draws else np.array([np.nan])
                row[f"{way}_mean"] = values.mean()
                row[f"{way}_sd"] = values.std()
            rows.append(row)
    return pd.DataFrame(rows)


def _flat(draws: np.ndarray) -> np.ndarray:
    return draws.reshape(-1, draws.shape[-1])


def _group_table(
    run: Run, found: Together, results: dict[int, masm.Result]
) -> pd.DataFrame:
    """A row for each parameter: the new site's range, and what differs between sites.

    ``q`` is Cochran's: squared distances of the sites' own means from their weighted
    mean, in their own variances; ``p`` its probability if all sites are the same.
    """
    import pandas as pd
    from scipy import special, stats

    priors, names = run.priors, found.parameters
    own = []
    for result in results.values():
        unit = priors.subset(names).to_unit(_separate(result, names))
        own.append(special.ndtri(np.clip(unit, 1e-9, 1.0 - 1e-9)))
    means = np.array([z.mean(axis=0) for z in own])
    variances = np.array([z.var(axis=0) for z in own])
    weights = 1.0 / variances
    centre = (weights * means).sum(axis=0) / weights.sum(axis=0)
    q = (weights * (means - centre) ** 2).sum(axis=0)
    p_value = stats.chi2.sf(q, len(own) - 1)
    new = _flat(found.theta(found.new_site, priors))
    spread = np.sqrt(np.diagonal(found.hierarchical.covariance, axis1=2, axis2=3))
    known = model_of(run.config).parameters
    rows = []
    for j, name in enumerate(names):
        low, high = np.quantile(new[:, j], _LEVELS)
        rows.append(
            {
                "parameter": name,
                "unit": known[name].unit,
                "new_site_mean": new[:, j].mean(),
                "new_site_q05": low,
                "new_site_q95": high,
                "between_sd": spread[..., j].mean(),
                "within_sd": np.sqrt(variances[:, j].mean()),
                "share_between": found.share_between[j],
                "share_between_other": found.other_share_between[j],
                "q": q[j],
                "p": p_value[j],
                "belongs_to": "the site" if p_value[j] < 0.05 else "the group",
            }
        )
    return pd.DataFrame(rows)


def _verdict_table(pixels: list[Pixel], found: Together) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for pixel in pixels:
        verdict = found.verdicts[str(pixel.id)]
        pooled = found.pooled_verdicts.get(str(pixel.id))
        rows.append(
            {
                "pixel": pixel.id,
                "name": pixel.name,
                "right": int(verdict.is_right),
                "r_hat": verdict.r_hat,
                "disagreement": verdict.disagreement,
                "pooled_right": -1 if pooled is None else int(pooled.is_right),
                "pooled_disagreement": np.nan
                if pooled is None
                else pooled.disagreement,
                "model_runs": verdict.n_runs,
                "reason": verdict.reason,
            }
        )
    return pd.DataFrame(rows)


def _score_table(
    run: Run,
    pixels: dict[Pixel, bool],
    found: Together,
    results: dict[int, masm.Result],
) -> pd.DataFrame:
    """Score the mean parameters of each way; keep simulations of unobserved sites."""
    import pandas as pd

    from masm.results.scores import scores

    table = _parameter_table(run, list(pixels), found, results)
    rows = []
    for pixel, observed in pixels.items():
        part = table[table["pixel"] == pixel.id].set_index("parameter")
        forcing = forcing_of(run, pixel)
        ways: tuple[str, ...] = WAYS
        if not observed:
            _predict(run, pixel, forcing, part)
            if state_of(run.folder.pixel(pixel.id)).state not in FINISHED:
                continue  # nothing was observed there, left out or not
            ways = WAYS[1:]  # its own calibration is no part of this
        observations = observations_of(run, pixel, forcing)
        runs = {way: simulate(run.config, forcing, _values(part, way)) for way in ways}
        periods = pixel_periods(run.config, forcing)
        for period in ("calibration", "validation"):
            years = getattr(periods, period)
            if years is None:
                continue
            streams = make_streams(
                observations,
                run.config.streams,
                years,
                units=units_of(run.config),
                skip_empty=period == "validation",
            )
            for name, stream in streams.items():
                for way, output in runs.items():
                    time, seen, _, simulated = pair(stream, output[name])
                    for label, mine in _by_period(run, name, period, time):
                        rows.append(
                            {
                                "pixel": pixel.id,
                                "stream": name,
                                "period": label,
                                "sites": way,
                                "left_out": int(not observed),
                                **scores(simulated[mine], seen[mine]),
                                "nse": _efficiency(simulated[mine], seen[mine]),
                            }
                        )
    return pd.DataFrame(rows)


def _by_period(
    run: Run, stream: str, period: str, time: np.ndarray
) -> list[tuple[str, np.ndarray]]:
    """Values of a period, those that the calibration was not shown by themselves."""
    names = np.broadcast_to(period_names(run.config, stream, period, time), time.shape)
    return [(str(name), names == name) for name in dict.fromkeys(names)]


def _values(part: pd.DataFrame, way: str) -> dict[str, float]:
    return {str(name): float(value) for name, value in part[f"{way}_mean"].items()}


def _efficiency(simulated: np.ndarray, observed: np.ndarray) -> float:
    """Nash-Sutcliffe efficiency; NaN where the observations do not vary."""
    spread = float(np.sum((observed - observed.mean()) ** 2))
    if spread == 0.0:
        return float("nan")
    return 1.0 - float(np.sum((simulated - observed) ** 2)) / spread


def _predict(run: Run, pixel: Pixel, forcing: Any, part: pd.DataFrame) -> None:
    """Keep the simulation of a site without observations, and say where it is from."""
    way = run.config.sites if run.config.sites != "separate" else "hierarchical"
    values = _values(part, way)
    source = f"{run.config.name}, {pixel.name}: no observations, predicted from the "
    source += "group" if way == "hierarchical" else "pooled sites"
    simulated = simulate(run.config, forcing, values)
    path = run.folder.simulation(pixel.id, "calibrated")
    make_folder(path.parent)
    save_simulation(simulated, path, source, values)


def _write(
    run: Run, joined: JoinedSites, found: Together, stamp: dict[str, Any]
) -> None:
    folder = sites_folder(run)
    for name in ("group", "parameters", "verdicts", "scores"):
        with replacing(folder / f"{name}.csv") as aside:
            table = safe_texts(getattr(joined, name))
            table.to_csv(aside, index=False, float_format="%.10g")
    _write_draws(run, found, folder / "posterior.nc")
    settings = [
        {"share_between": fraction, "degrees_of_freedom": degrees}
        for fraction, degrees in found.settings
    ]
    facts = {**stamp, "group_prior": settings, "note": found.note}
    write_text(folder / "stamp.json", json.dumps(facts, indent=1) + "\n")


def _write_draws(run: Run, found: Together, path: Path) -> None:
    """Write draws in the parameters' units; group parameters as standard normals."""
    import xarray as xr

    from masm.hierarchical import HierarchicalDraws, to_dataset

    priors, names = run.priors, found.parameters

    def labelled(draws: HierarchicalDraws) -> xr.Dataset:
        table = to_dataset(draws, names)
        theta = found.theta(draws.theta, priors)
        for j, name in enumerate(names):
            dims = ("chain", "draw", "site")
            table[name] = (dims, theta[..., j], {"units": priors[name].units or "1"})
        table.attrs["comment"] = (
            "group_mean and group_covariance are of the standard normal transform of "
            "the priors, the other parameters in their units"
        )
        table["from_group"] = table["from_group"].astype("i1")
        return table

    tree = xr.DataTree.from_dict(
        {
            "posterior": labelled(found.hierarchical),
            "other_setting": labelled(found.other),
            "pooled": labelled(found.pooled),
        }
    )
    with replacing(path) as aside:
        write_netcdf(tree, aside)
