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
# # How to read the uncertainty
#
# A posterior depends on the errors that were assumed of the observations. Four
# questions, with a model of two parameters that runs in no time: what sets the width?
# Do intervals hold the truth as often as they say? What does a posterior at an edge
# mean? What if the model is wrong? All observations are **synthetic**.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr

import masm

time = np.arange("2001-01-01", "2002-01-01", dtype="datetime64[D]")
season = np.clip(np.sin(2 * np.pi * (np.arange(time.size) - 110) / 365), 0, None)
priors = {"peak": (2.0, 15.0), "shape": (0.5, 3.0)}
unit_of = {"peak": "g m$^{-2}$ d$^{-1}$", "shape": "1"}
units = {"units": "g m-2 d-1"}
SD = 2.0  # of the noise of a daily value, g m-2 d-1


def model(theta):
    """GPP of a season: a peak and a shape."""
    gpp = theta["peak"][:, None] * season ** theta["shape"][:, None]
    return xr.Dataset({"gpp": (("sample", "time"), gpp, units)}, {"time": time})


def observe(peak, shape, seed, sd=SD, stated_sd=SD):
    """Daily GPP with independent noise, and the sd that it is said to have."""
    rng = np.random.default_rng(seed)
    clean = model({"peak": np.array([peak]), "shape": np.array([shape])})["gpp"][0]
    return xr.Dataset(
        {
            "gpp": ("time", clean.to_numpy() + rng.normal(0, sd, time.size), units),
            "gpp_sd": ("time", np.full(time.size, stated_sd), units),
        },
        {"time": time},
    )


# %% [markdown]
# ## What sets the width
#
# The published practice takes the variance of the observed series itself for the error
# variance. That is the size of the seasonal cycle, not of an error, so the posterior
# is wide, whatever the noise.

# %%
data = observe(9.0, 1.3, seed=1)
results = {
    rule: masm.calibrate(model, data, priors, seed=2, variance=rule)
    for rule in ("given", "series")
}
pd.DataFrame(
    {rule: result.summary()["sd"] for rule, result in results.items()}
).rename_axis("sd of the posterior")

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 3))
for name, axis in zip(priors, axes, strict=True):
    for rule, result in results.items():
        draws = result.posterior[name].values.ravel()
        axis.hist(draws, 60, density=True, histtype="step", label=f"variance: {rule}")
    axis.set_xlim(*priors[name])
    axis.set_xlabel(f"{name} ({unit_of[name]})")
    axis.set_yticks([])
axes[0].legend(fontsize=8)
figure.tight_layout()

# %% [markdown]
# ## Do intervals hold the truth?
#
# Eight twins, each with a truth of its own. With the right error variance, the 90 %
# intervals should hold the truth in about nine of ten; with the variance of the series,
# nearly always, since they are far too wide. Eight twins and two parameters say this
# roughly; `masm report` draws the whole curve for a run of twins.

# %%
rng = np.random.default_rng(8)
truths = pd.DataFrame(
    {"peak": rng.uniform(5, 12, 8), "shape": rng.uniform(0.8, 2.5, 8)}
)
held = {"given": [], "series": []}
for k, row in truths.iterrows():
    twin = observe(row["peak"], row["shape"], seed=[8, k])
    for rule in held:
        found = masm.calibrate(model, twin, priors, seed=[9, k], variance=rule)
        table = found.summary()
        held[rule] += [
            table["q05"][name] <= row[name] <= table["q95"][name] for name in priors
        ]
print({rule: f"{sum(values)} of {len(values)}" for rule, values in held.items()})

# %% [markdown]
# ## A posterior at an edge
#
# The prior of `peak` ends at 8, the truth is 9. The posterior piles up at the bound,
# and `at_bound` says so. The edge is not the answer: the prior was wrong.

# %%
narrow = masm.calibrate(model, data, {"peak": (2.0, 8.0), "shape": (0.5, 3.0)}, seed=3)
narrow.summary()[["mean", "sd", "q05", "q95", "at_bound"]]

# %% [markdown]
# ## A model that is wrong
#
# These observations have a drought that the model does not know. The posterior is as
# narrow as before: it is the uncertainty of parameters *if the model is right*. Only
# the predictive check shows the trouble. The band of model runs at posterior draws,
# with the observation error added, should hold nine observations in ten everywhere.

# %%
dry = data.copy(deep=True)
dry["gpp"][200:240] *= 0.3
wrong = masm.calibrate(model, dry, priors, seed=4, variance="given")
seen = wrong.groups["observed_data"]
runs = wrong.groups["predictive_runs"]["gpp"].values[0]
variance = wrong.groups["constant_data"]["gpp_variance"].values
half = 1.645 * np.sqrt(runs.var(axis=0) + variance)
middle = runs.mean(axis=0)
inside = np.abs(seen["gpp"].values - middle) <= half
print(f"{inside.mean():.0%} of the observations lie in their 90 % band")
wrong.summary()[["mean", "sd"]]

# %%
figure, axis = plt.subplots(figsize=(9, 3))
when = seen["gpp_time"].values
axis.fill_between(when, middle - half, middle + half, color="#56b4e9", alpha=0.4)
axis.plot(when, middle, color="#0072b2", label="model at posterior draws")
axis.plot(when, seen["gpp"], "o", mfc="none", color="k", ms=4, label="observed")
axis.set_ylabel("GPP, 8-day means (g m$^{-2}$ d$^{-1}$)")
axis.legend(fontsize=8)
figure.tight_layout()

# %% [markdown]
# ## And the surrogate
#
# All of these posteriors rest on an emulator. `status` says whether its error, measured
# at runs that it had not seen, is small beside what the likelihood can tell.

# %%
{
    name: (result.status, round(result.surrogate_rmse, 3))
    for name, result in {**results, "narrow": narrow, "wrong": wrong}.items()
}
