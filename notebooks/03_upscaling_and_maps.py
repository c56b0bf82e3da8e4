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
# # Upscaling and maps
#
# Calibrated parameters at sample pixels become a map of every pixel, with its
# uncertainty. The landscape here is **synthetic**: two parameters are known functions
# of climate and soil, with an error of their own, and a third follows nothing.

# %%
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import rasterio

import upscale

rng = np.random.default_rng(3)
step = 0.2  # degrees
lat, lon = np.meshgrid(np.arange(36.1, 44, step), np.arange(-84.9, -77, step))
n = lat.size
hills = np.sin(lat * 1.3) * np.cos(lon * 0.9)
covariates = pd.DataFrame(
    {
        "latitude": lat.ravel(),
        "longitude": lon.ravel(),
        "elevation": (300 + 250 * hills).ravel(),
        "temperature_mean": (10 - 0.9 * (lat - 40) - 1.6 * hills).ravel(),
        "sand": (50 + 15 * np.sin(lon * 2.1) * np.cos(lat * 1.7)).ravel(),
        "precipitation_annual": rng.normal(1000, 80, n),
    },
    index=pd.Index(range(n), name="pixel"),
)
warm = (covariates["temperature_mean"] - 10) / 4
truth = pd.DataFrame(
    {
        "vmax": 5e-5 + 1.2e-5 * warm + rng.normal(0, 1.5e-6, n),
        "p18": 90 - 35 * np.tanh(warm) + 0.8 * (covariates["sand"] - 50),
        "p20": rng.normal(280, 12, n),
    }
)
bounds = {"vmax": (2e-5, 8e-5), "p18": (10.0, 200.0), "p20": (200.0, 365.0)}
f"{n} pixels"

# %% [markdown]
# ## Train on a tenth of them
#
# Whole blocks of land are held out, because neighbours resemble each other and a random
# split flatters. The rules here are a quick setting; the default tries more.

# %%
sample = np.sort(rng.choice(n, n // 8, replace=False))
upscaler = upscale.train(
    truth.loc[sample],
    covariates,
    bounds=bounds,
    seed=7,
    rules=upscale.TrainingRules(n_candidates=1, max_trees=120),
    units={"vmax": "mol m-2 s-1", "p18": "g m-2", "p20": "d"},
    defaults={"vmax": 3e-5, "p18": 60.0, "p20": 270.0},
)
upscaler.summary().T

# %% [markdown]
# `p20` follows nothing that is known, and the trees must not pretend: where they do not
# beat the mean on held-out blocks, the mean is what is mapped.

# %% [markdown]
# ## Maps

# %%
maps = upscaler.predict(covariates)
maps

# %%
figure, axes = plt.subplots(2, 3, figsize=(12, 7), sharex=True, sharey=True)
for column, name in enumerate(upscaler.names):
    for row, (what, values) in enumerate(
        {
            "mean": maps["mean"].sel(parameter=name),
            "sd": maps["sd"].sel(parameter=name),
        }.items()
    ):
        axis = axes[row, column]
        drawn = axis.pcolormesh(
            lon, lat, values.to_numpy().reshape(lat.shape), cmap="viridis"
        )
        unit = str(maps["unit"].sel(parameter=name).item())
        figure.colorbar(drawn, ax=axis, label=f"{name}, {what} ({unit})")
        if row == 0:
            axis.plot(
                covariates["longitude"][sample],
                covariates["latitude"][sample],
                ".",
                color="w",
                ms=2,
            )
figure.tight_layout()

# %% [markdown]
# ## Do the intervals hold what they promise?
#
# The truth of this landscape is known everywhere, so the 90 % intervals can be counted
# at pixels that were never seen.

# %%
unseen = np.setdiff1d(np.arange(n), sample)
inside = {}
for name in upscaler.names:
    low = maps["p05"].sel(parameter=name).to_numpy()
    high = maps["p95"].sel(parameter=name).to_numpy()
    value = truth[name].to_numpy()
    inside[name] = np.mean((low <= value)[unseen] & (value <= high)[unseen])
pd.Series(inside, name="share of unseen pixels in their 90 % interval").round(2)

# %% [markdown]
# ## Where the map may be used
#
# Quality 2 marks pixels whose covariates are unlike those trained on.

# %%
codes, counts = np.unique(maps["quality"].to_numpy(), return_counts=True)
{
    upscale.QUALITY[int(code)]: int(count)
    for code, count in zip(codes, counts, strict=True)
}

# %% [markdown]
# ## Files for a GIS
#
# One Cloud Optimized GeoTIFF for each parameter, with a style for QGIS and a STAC item.
# The files are on the 0.05° grid, so a small patch of it is written here.

# %%
patch = covariates.loc[[0]].copy()
patch[["latitude", "longitude"]] = [40.025, -80.025]
files = upscale.write_maps(
    mkdtemp(),
    upscaler.predict(patch),
    patch,
    period=("2001-01-01", "2009-12-31"),
)
with rasterio.open(files[0]) as opened:
    print(files[0].name, opened.crs, opened.res, opened.descriptions)
