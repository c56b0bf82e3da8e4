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
# # Bring your own model
#
# `masm` calibrates any function from parameters to series. First a Python function,
# then an external program with files in and out, one run of which crashes.

# %%
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import masm

time = np.arange("2001-01-01", "2002-01-01", dtype="datetime64[D]")
season = np.clip(np.sin(2 * np.pi * (np.arange(time.size) - 110) / 365), 0, None)

# %% [markdown]
# ## A Python function
#
# It takes parameters as arrays over samples, and returns a Dataset over (sample, time)
# with units. Nothing else is asked of it.


# %%
def model(theta):
    """GPP of a season: a peak and a shape."""
    gpp = theta["peak"][:, None] * season ** theta["shape"][:, None]
    return xr.Dataset(
        {"gpp": (("sample", "time"), gpp, {"units": "g m-2 d-1"})}, {"time": time}
    )


# %% [markdown]
# Observations of the model's own making, at a peak of 9 and a shape of 1.3, with noise
# (so **synthetic**). `gpp_sd` is the standard deviation of their errors.

# %%
rng = np.random.default_rng(1)
true = {"peak": np.array([9.0]), "shape": np.array([1.3])}
gpp = model(true)["gpp"].isel(sample=0) + rng.normal(0, 1.5, time.size)
units = {"units": "g m-2 d-1"}
observed = xr.Dataset(
    {
        "gpp": ("time", gpp.to_numpy(), units),
        "gpp_sd": ("time", np.full(time.size, 1.5), units),
    },
    {"time": time},
)
priors = {"peak": (2.0, 15.0), "shape": (0.5, 3.0)}
result = masm.calibrate(model, observed, priors, seed=4)
print(result.status, result.n_model_runs, "model runs")
result.summary()[["mean", "sd", "q05", "q95", "r_hat"]]

# %% [markdown]
# ## An external program
#
# This one reads `parameters.json` in its folder and writes `gpp.csv`. It stands for a
# Fortran executable: all that Python knows of it are its files. It fails, as real
# models do, in a corner of the parameter space.

# %%
program = Path(mkdtemp()) / "season.py"
program.write_text("""\
import json, math, sys
with open("parameters.json") as opened:
    p = json.load(opened)
if p["peak"] > 14 and p["shape"] > 2.5:
    sys.exit("the solver did not converge")
with open("gpp.csv", "w") as out:
    for day in range(365):
        s = max(0.0, math.sin(2 * math.pi * (day - 110) / 365))
        out.write(f"{p['peak'] * s ** p['shape'] if s else 0.0:.6f}\\n")
""")


def one_run(values):
    """Run the program in a folder of its own; NaN where it failed."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "parameters.json").write_text(json.dumps(values))
        done = subprocess.run(
            [sys.executable, "-S", str(program)],
            cwd=folder,
            capture_output=True,
            timeout=60,
            check=False,
        )
        if done.returncode != 0:
            return np.full(time.size, np.nan)
        return np.loadtxt(Path(folder) / "gpp.csv")


def external(theta):
    """The program for each parameter vector, a few at a time."""
    columns = dict(theta)
    rows = [
        dict(zip(columns, map(float, row), strict=True))
        for row in zip(*columns.values(), strict=True)
    ]
    with ThreadPoolExecutor(2) as pool:  # threads only wait for the program
        gpp = np.stack(list(pool.map(one_run, rows)))
    return xr.Dataset({"gpp": (("sample", "time"), gpp, units)}, {"time": time})


# %% [markdown]
# A failed run is a row of NaN. It is counted, never fitted, and not asked for again.

# %%
again = masm.calibrate(external, observed, priors, seed=4)
print(again.status, again.n_model_runs, "model runs, failed:", again.n_failed_runs)
again.summary()[["mean", "sd", "q05", "q95", "r_hat"]]

# %% [markdown]
# The same equations and the same seed should give the same posterior, up to the digits
# of the file and the runs that failed:

# %%
figure, axes = plt.subplots(1, 2, figsize=(8, 2.8))
for name, axis in zip(priors, axes, strict=True):
    for label, found in {"function": result, "program": again}.items():
        axis.hist(
            found.posterior[name].values.ravel(),
            50,
            density=True,
            histtype="step",
            label=label,
        )
    axis.axvline(true[name][0], color="0.4", ls="--", label="truth (synthetic)")
    axis.set_xlabel(name)
    axis.set_yticks([])
axes[0].legend(fontsize=7)
figure.tight_layout()
for name in priors:
    difference = abs(result.posterior[name].mean() - again.posterior[name].mean())
    assert difference < 0.5 * result.posterior[name].std()
