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
# # Calibrate one site
#
# Weather in, a forest's LAI and GPP out, and the parameters that make them agree with
# what was observed. Everything here is **synthetic**: generated weather of a temperate
# deciduous forest, and observations that the model itself made at known parameters.
# So the posterior can be laid beside the truth.

# %%
import matplotlib.pyplot as plt
import numpy as np

import ibis_dalec
import masm
from landdata import generate_weather, harvard_normals

forcing = generate_weather(harvard_normals(), (2001, 2003), np.random.default_rng(1))
forcing

# %% [markdown]
# ## The model is a function
#
# Any subset of the 33 parameters may be given, in the units of the table.

# %%
table = ibis_dalec.parameter_table()
table[["default", "min", "max", "unit", "description"]].head()

# %%
truth = {"vmax": 4.5e-5, "p5": 0.04, "p15": 0.06, "p18": 75.0}
names = list(truth)
run = ibis_dalec.simulate(forcing, truth, spinup_cycles=5)
run[["lai", "gpp"]]

# %% [markdown]
# ## Observations
#
# A Dataset over time with units; `gpp_sd` beside `gpp` is its standard deviation. The
# spin-up year 2001 is left out. Daily values are averaged to 8-day means, those of the
# model in the same way.

# %%
rng = np.random.default_rng(2)
observed = run[["lai", "gpp"]].sel(time=slice("2002", "2003")).copy(deep=True)
for name, sd in {"lai": 0.5, "gpp": 2.0}.items():
    observed[name] += sd * rng.standard_normal(observed[name].shape)
    observed[f"{name}_sd"] = observed[name].copy(data=np.full(observed.time.size, sd))

# %% [markdown]
# ## Calibrate
#
# The model takes many parameter vectors at once: `theta` has a column for each name.


# %%
def model(theta):
    """LAI and GPP for each row of ``theta``."""
    return ibis_dalec.simulate_batch(
        forcing, dict(theta), spinup_cycles=5, outputs=("lai", "gpp")
    )


result = masm.calibrate(
    model,
    observed,
    masm.Priors.from_table(table, names),
    seed=[7, 0],
    max_runs=120,
)
print(
    f"{result.n_model_runs} model runs, {result.status} {result.reason or ''}",
)
summary = result.summary()
summary.insert(0, "truth", [truth[name] for name in summary.index])
summary

# %% [markdown]
# The 90 % interval of each parameter and its truth:

# %%
figure, axes = plt.subplots(1, len(names), figsize=(3 * len(names), 2.6))
for name, axis in zip(names, axes, strict=True):
    axis.hist(result.posterior[name].values.ravel(), 40, density=True, color="#0072b2")
    axis.axvline(truth[name], color="#d55e00", label="truth (synthetic)")
    axis.axvline(table["default"][name], color="#e69f00", ls="--", label="default")
    axis.set_xlim(table["min"][name], table["max"][name])
    axis.set_xlabel(f"{name} ({table['unit'][name]})")
    axis.set_yticks([])
axes[0].legend(fontsize=7)
figure.tight_layout()

# %% [markdown]
# ## Before and after

# %%
mean = {name: float(result.posterior[name].mean()) for name in names}
default = ibis_dalec.simulate(forcing, spinup_cycles=5)
calibrated = ibis_dalec.simulate(forcing, mean, spinup_cycles=5)
figure, axes = plt.subplots(2, 1, figsize=(9, 5), sharex=True)
for name, axis in zip(("gpp", "lai"), axes, strict=True):
    axis.plot(observed.time, observed[name], ".", ms=2, color="0.6", label="observed")
    axis.plot(default.time, default[name], "--", color="#e69f00", label="default")
    axis.plot(calibrated.time, calibrated[name], color="#0072b2", label="calibrated")
    axis.set_ylabel(f"{name} ({calibrated[name].attrs['units']})")
axes[0].legend()
figure.tight_layout()

# %% [markdown]
# The result is one netCDF file that ArviZ opens: `result.to_netcdf("posterior.nc")`.
