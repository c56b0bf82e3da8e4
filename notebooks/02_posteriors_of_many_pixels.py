# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Posteriors of many pixels
#
# Four pixels are calibrated from the command line, as a run of any size would be, and
# their posteriors are examined: convergence, prior against posterior, edges, pairs,
# more than one mode. Everything is **synthetic**: generated weather, and observations
# that the model made at known parameters, others in each pixel.

# %%
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr
from scipy.stats import gaussian_kde

import masm
from landdata import generate_weather, harvard_normals

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)
    import arviz as az

# %% [markdown]
# ## A run of four pixels
#
# A table of places, a netCDF file of weather for each, and a configuration.

# %%
run = Path(mkdtemp()) / "four"
(run / "forcing").mkdir(parents=True)
places = pd.DataFrame(
    {
        "id": [1, 2, 3, 4],
        "name": ["south", "middle", "north", "far north"],
        "latitude": [36.0, 39.0, 42.0, 45.0],
        "longitude": -76.0,
        "elevation": 300,
        "sand": 50,
        "clay": 15,
    }
)
places.to_csv(run / "places.csv", index=False)
for pixel, latitude in zip(places["id"], places["latitude"], strict=True):
    rng = np.random.default_rng([5, pixel])
    normals = replace(harvard_normals(), lat=latitude)
    weather = generate_weather(normals, (2001, 2003), rng)
    weather.to_netcdf(run / "forcing" / f"{pixel}.nc", engine="h5netcdf")

(run / "config.yaml").write_text("""\
name: four synthetic pixels
seed: 5
pixels: {source: table, table: places.csv, forcing: "forcing/{id}.nc"}
periods: {spinup: 2001, calibration: 2002, validation: 2003}
model: {spinup_cycles: 1}
streams: {gpp: {variance: given}, lai: {variance: given}}
twin:
  truth: random
  noise: {gpp: {fraction: 0.1, floor: 0.5}, lai: {fraction: 0.1, floor: 0.3}}
calibration:
  method: emulator
  options: {max_runs: 70}
  blocks: [{streams: [gpp, lai], parameters: [vmax, p5, p18]}]
""")


def command(*words):
    """Run the command line, and show what it says."""
    call = [sys.executable, "-m", "jobs", *map(str, words)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    print(done.stdout + done.stderr)
    done.check_returncode()


command("calibrate", run)
command("collect", run)

# %% [markdown]
# ## All pixels at once
#
# `posteriors.zarr` holds summaries and thinned draws of every finished pixel. It opens
# lazily, so a run of thousands opens as fast.

# %%
store = xr.open_zarr(run / "posteriors.zarr")
store["mean"].to_dataframe()["mean"].unstack("parameter")

# %% [markdown]
# ### Convergence first
#
# R-hat under 1.01 and an effective sample size above 400, for each parameter of each
# pixel mean that the chains agree about the surrogate. Whether the surrogate agrees
# with the model is another question: see `status` and `reason`.

# %%
diagnosis = store[["r_hat", "ess_bulk", "at_bound"]].to_dataframe()
diagnosis

# %% [markdown]
# ### Uncertainty reduction
#
# One minus the posterior's standard deviation over the prior's: 0 means that the
# observations did not constrain the parameter.

# %%
names = [str(name) for name in store["parameter"].values]
width = xr.DataArray(
    [
        store[name].attrs["prior_high"] - store[name].attrs["prior_low"]
        for name in names
    ],
    {"parameter": names},
)
uncertainty_reduction = 1 - store["sd"] / (width / np.sqrt(12))
uncertainty_reduction.to_series().unstack("parameter").round(2)

# %% [markdown]
# ## One pixel
#
# `masm.open_run` reads the run, and `result(pixel)` one pixel of it. `to_arviz` gives
# ArviZ its groups: posterior, prior, sample_stats, observed_data, constant_data,
# posterior_predictive and log_likelihood.

# %%
opened = masm.open_run(run)
results = {pixel: opened.result(pixel) for pixel in places["id"]}
az.summary(results[1].to_arviz(), var_names=names)

# %%
# Rank plots: even bars mean that every chain visits every part.
results[1].plot_rank()

# %%
# Prior against posterior.
results[1].plot_posterior()

# %%
# Pairs show what a table cannot: two parameters that compensate for each other.
results[1].plot_pair()

# %% [markdown]
# ## Edges and modes
#
# A posterior against its bound means that the prior, the model or the data are wrong,
# not that the bound is the answer. `at_bound` marks it: the outermost 5 % of the prior
# hold 15 % or more of the draws. A second mode shows as a second peak; count those that
# stand out of a smooth density.


# %%
def smooth(draws):
    """A grid over some draws, and their smoothed density."""
    grid = np.linspace(draws.min(), draws.max(), 200)
    return grid, gaussian_kde(np.ravel(draws))(grid)


def n_modes(draws, fraction=0.1):
    """Peaks of a smooth density that reach a fraction of the highest."""
    _, density = smooth(draws)
    inner = density[1:-1]
    peaks = (inner > density[:-2]) & (inner > density[2:])
    return int(np.sum(peaks & (inner > fraction * density.max())))


pd.DataFrame(
    {
        name: [n_modes(found.posterior[name].values) for found in results.values()]
        for name in names
    },
    index=list(results),
)

# %% [markdown]
# ## Pixels side by side

# %%
figure, axes = plt.subplots(1, len(names), figsize=(4 * len(names), 3))
for name, axis in zip(names, axes, strict=True):
    attrs = store[name].attrs
    for i, found in results.items():
        axis.plot(*smooth(found.posterior[name].values), label=places["name"][i - 1])
    axis.axvline(attrs["default"], color="0.4", ls="--", label="default")
    axis.set_xlim(attrs["prior_low"], attrs["prior_high"])
    axis.set_xlabel(f"{name} ({attrs['units']})")
    axis.set_yticks([])
axes[0].legend(fontsize=7)
figure.tight_layout()

# %% [markdown]
# `masm report` puts all of this, for every pixel, on one page.
