"""A region whose LAI and GPP the linear model made, with parameters that follow land.

``p18`` rises with height and ``vmax`` with latitude, so that they can be mapped; one
pixel has no weather and one too little forest.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass

import linear_model
import numpy as np
import pytest

from landdata import Grid, build_cube, generate_weather, harvard_normals
from landdata.cube.layout import Layout, Shard
from landdata.grid.grid import Cells
from landdata.grid.windows import window_of, window_starts
from landdata.variables import DRIVERS

GRID = Grid.from_bounds(-72.5, 42.0, -72.0, 42.5)  # 100 cells
YEARS = (2001, 2003)
NO_WEATHER, BARE = 7, 13  # positions of pixels with something amiss
SD = 0.1


CONFIG = """\
name: a linear region
seed: 11
pixels:
  source: region
  cube: ../cube.zarr
  sample: SAMPLE
periods: {spinup: 2001, calibration: 2002, validation: 2003}
streams: {gpp: {variance: given}, lai: {variance: given}}
screening: {trajectories: TRAJECTORIES}
calibration:
  keep_draws: 50
  blocks: [{streams: [gpp, lai], parameters: [vmax, p18]}]
upscaling: {max_r_hat: null, candidates: 1, draws: DRAWS, folds: 3}
execution: EXECUTION
"""
SERIAL = "{executor: serial, max_failed_fraction: 1}"


def make_run(folder, *, sample, draws=2, trajectories=3, execution=SERIAL):
    """Write a cube and a run folder beside it; returns the run folder."""
    build_cube(folder / "cube.zarr", LinearRegion())
    text = CONFIG.replace("SAMPLE", sample).replace("DRAWS", str(draws))
    text = text.replace("TRAJECTORIES", str(trajectories))
    path = folder / "run"
    path.mkdir()
    (path / "config.yaml").write_text(text.replace("EXECUTION", execution))
    return path


@contextmanager
def linear_models():
    """Put the linear model, and a quick calibration of it, in the real ones' place."""
    import masm

    with pytest.MonkeyPatch.context() as patch:
        linear_model.put_in_place(patch)
        patch.setattr(masm, "calibrate", quick_calibrate)
        yield patch


def truth():
    """True p18 and vmax of each pixel."""
    n = len(GRID.cells)
    height = np.linspace(0.0, 1.0, n).reshape(10, 10).T.ravel()
    north = (GRID.cells.lat - 42.0) / 0.5
    return {"vmax": 3e-5 + 3e-5 * north, "p18": 60.0 + 60.0 * height}, height


@dataclass(frozen=True)
class LinearRegion:
    """One weather everywhere."""

    def describe(self):
        """What it is."""
        return {"kind": "a linear region that can be mapped"}

    def prepare(self, folder, run):
        """Land."""
        n = len(GRID.cells)
        _, height = truth()
        fraction = np.full(n, 0.8)
        fraction[BARE] = 0.3
        return Layout(
            grid=GRID, cells=Cells(GRID.cells.ids), years=YEARS,
            co2=np.full(3 * 365, 372.0), streams={"lai": "1", "gpp": "g m-2 d-1"},
            observed=window_starts(YEARS),
            static={"elevation": 100.0 + 300.0 * height, "sand": np.full(n, 60.0),
                    "clay": np.full(n, 10.0), "forest_fraction": fraction},
            maps={"mask": (np.ones(GRID.shape, np.uint8), {"long_name": "pixels"})},
            attrs={"title": "SYNTHETIC test", "synthetic": 1, "source": "made up",
                   "variance_rules": {"lai": "given", "gpp": "given"}},
        )  # fmt: skip

    def shard(self, layout, folder, first, last):
        """Weather and observations."""
        rng = np.random.default_rng(1)
        weather = generate_weather(harvard_normals(), YEARS, rng)
        forcing = np.stack([weather[name].to_numpy() for name in DRIVERS])
        forcing = np.repeat(forcing[None], last - first, axis=0)
        true, _ = truth()
        made = linear_model.simulate_batch(
            weather, {name: values[first:last] for name, values in true.items()}
        )
        starts = np.flatnonzero(np.diff(window_of(layout.days), prepend=-1))
        sizes = np.diff(np.r_[starts, layout.days.size])
        means = np.stack(
            [
                np.add.reduceat(made[name].to_numpy(), starts, axis=1) / sizes
                for name in layout.streams
            ],
            axis=1,
        )
        observed = means + SD * rng.standard_normal(means.shape)
        forcing[NO_WEATHER - first] = np.nan
        filled = np.zeros((last - first, len(DRIVERS)), np.uint16)
        return Shard(forcing.astype("f4"), filled, observed.astype("f4"),
                     np.full(observed.shape, SD**2, "f4"))  # fmt: skip


def quick_calibrate(
    model, observations, priors, *, seed, blocks=None, checkpoint=None, **options
):
    """In the place of ``masm.calibrate``: the posterior on a grid of two parameters."""
    import xarray as xr

    import masm
    from masm.likelihood.gaussian import GaussianLikelihood
    from masm.results.scores import scores
    from masm.runners.series_runner import ModelRunner

    n = 60
    rng = np.random.default_rng(seed)
    middle = (np.arange(n) + 0.5) / n
    u = np.stack(np.meshgrid(middle, middle, indexing="ij"), axis=-1).reshape(-1, 2)
    series = tuple(stream.aggregate() for stream in observations.values())
    likelihood, runner = GaussianLikelihood(series), ModelRunner(model, series)
    cost = likelihood.cost(runner(priors.from_unit(u)))
    weight = np.exp(-0.5 * (cost - cost.min()))
    chosen = rng.choice(len(u), (4, 200), p=weight / weight.sum())
    drawn = np.clip(u[chosen] + (rng.random((4, 200, 2)) - 0.5) / n, 0.0, 1.0)
    theta = priors.from_unit(drawn.reshape(-1, 2)).reshape(4, 200, 2)
    posterior = {
        name: (
            ("chain", "draw"),
            np.asarray(theta)[..., j],
            {
                "units": priors[name].units, "prior": "Uniform",
                "prior_low": priors[name].low, "prior_high": priors[name].high,
                "default": priors[name].default_value, "at_bound": "",
                "r_hat": 1.0, "ess_bulk": 800.0, "ess_tail": 800.0, "r_hat_gr": 1.0,
            },
        )
        for j, name in enumerate(priors)
    }  # fmt: skip
    mean = masm.Samples([np.asarray(theta).reshape(-1, 2).mean(axis=0)], priors.names)
    row = runner(mean)[0]
    diso = [
        [scores(row[likelihood.slices[one.name]], one.value)["diso"] for one in series]
    ]
    fit = xr.Dataset(
        {"diso": (("stage", "stream"), diso)},
        {"stage": ["calibrated"], "stream": [one.name for one in series]},
    )
    attrs = {"n_model_runs": n * n, "n_failed_runs": 0, "surrogate_rmse": 0.0,
             "status": "done", "reason": ""}  # fmt: skip
    return masm.Result({"posterior": xr.Dataset(posterior), "fit": fit}, attrs)
