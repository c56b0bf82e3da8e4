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
# # Soil carbon: what stocks constrain, and what fluxes add
#
# Monthly CENTURY in one cell of a **synthetic** plateau: a spin-up without thousands of
# years, and a calibration on one soil sample alone, then with four years of monthly
# fluxes. The whole study on 600 cells is `masm init RUN --template plateau`.

# %%
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import masm
from landmodels import century
from landmodels.century import plateau_forcing, plateau_truth
from landmodels.stock_streams import period_mean, relative_error

rng = np.random.default_rng(8)
forcing = plateau_forcing().isel(cell=315)
ecosystem = str(forcing["ecosystem"].item())
truth = plateau_truth()[ecosystem]
names = ["prdx_1", "dec5_2", "teff_1"]
print(f"one {ecosystem} cell; the truth is { ({n: truth[n] for n in names}) }")

# %% [markdown]
# ## A steady state in milliseconds
#
# The solver finds the state that repeats after ten years of weather. A run of 4,000
# years has not reached it yet. Every result names which of the two it began with.

# %%
outputs = ["nep", "soc", "final_state"]
steady = century.simulate(forcing, truth, outputs=outputs)
run = century.simulate(forcing, truth, spinup="run", outputs=outputs)
soc = {s.attrs["spinup"]: float(period_mean(s["soc"], "1980", "1985")) / 1000.0
       for s in (steady, run)}  # fmt: skip
print(str(steady["spinup_kind"].values), soc, "kg m-2")
print(f"4,000 years are {soc['run'] / soc['equilibrium'] - 1:+.1%} away")

# %% [markdown]
# ## Observations: one stock, and monthly fluxes
#
# The stock is the mean of 1980-85, with an error of 30 %. The error of a flux is 30 %
# too, and at least 5 g C m-2 month-1. Without that floor a month near zero would count
# as exact.

# %%
months = steady["nep"].sel(time=slice("2003", "2006"))
flux_sd = relative_error(months.to_numpy(), fraction=0.3, floor=5.0)
flux = months.to_numpy() + rng.normal(0.0, flux_sd)
stock_sd = 0.3 * soc["equilibrium"]
stock = soc["equilibrium"] + rng.normal(0.0, 0.3) * stock_sd
n = flux.size + 1
axis = np.datetime64("2000-01-01", "ns") + np.arange(n) * np.timedelta64(1, "D")
nothing = np.full(n - 1, np.nan)


def observed(with_flux):
    """Each observation is a value for itself: the axis only numbers them."""
    kg, g = {"units": "kg m-2"}, {"units": "g m-2 month-1"}
    data = {"soc": ("time", np.r_[stock, nothing], kg),
            "soc_sd": ("time", np.r_[stock_sd, nothing], kg)}  # fmt: skip
    if with_flux:
        data["nep"] = ("time", np.r_[np.nan, flux], g)
        data["nep_sd"] = ("time", np.r_[np.nan, flux_sd], g)
    return xr.Dataset(data, {"time": axis})


def model(theta):
    """The stock first, then the months, over (sample, time)."""
    fixed = {k: v for k, v in truth.items() if k not in names}
    found = century.simulate_batch(
        forcing, {**fixed, **{k: np.atleast_1d(theta[k]) for k in names}},
        outputs=["nep", "soc"],
    )  # fmt: skip
    size = found.sizes["sample"]
    mean = period_mean(found["soc"], "1980", "1985").to_numpy()[:, None] / 1000.0
    nep = found["nep"].sel(time=slice("2003", "2006")).to_numpy()
    blank = np.full((size, n - 1), np.nan)
    return xr.Dataset(
        {"soc": (("sample", "time"), np.hstack([mean, blank]), {"units": "kg m-2"}),
         "nep": (("sample", "time"), np.hstack([blank[:, :1], nep]),
                 {"units": "g m-2 month-1"})},
        {"time": axis},
    )  # fmt: skip


# %%
table = century.parameter_table()
priors = {name: (table.loc[name, "min"], table.loc[name, "max"]) for name in names}
results = {
    label: masm.calibrate(
        model, observed(with_flux), priors, seed=8, windows=None, max_runs=60
    )
    for label, with_flux in (("stock alone", False), ("stock and fluxes", True))
}
for label, result in results.items():
    print(label, result.status, result.n_model_runs, "model runs")

# %% [markdown]
# ## What each constrains
#
# Production and turnover make the stock together. So one stock leaves both nearly as
# wide as their priors, and correlated with each other. Fluxes constrain production.

# %%
figure, axes = plt.subplots(1, len(names), figsize=(10, 3), layout="constrained")
for panel, name in zip(axes, names, strict=True):
    for label, result in results.items():
        draws = result.posterior[name].to_numpy().ravel()
        panel.hist(draws, 30, range=priors[name], alpha=0.6, density=True, label=label)
    panel.axvline(truth[name], color="black", label="synthetic truth")
    panel.set(xlabel=table.loc[name, "name"], xlim=priors[name], yticks=[])
axes[0].legend(fontsize=8)
figure.suptitle("Synthetic: posteriors of three parameters of CENTURY")
plt.show()

# %%
fractions = {
    label: result.sd["prdx_1"] / ((priors["prdx_1"][1] - priors["prdx_1"][0]) / 12**0.5)
    for label, result in results.items()
}
for label, fraction in fractions.items():
    print(f"{label}: sd of PRDX(1) over that of its prior {fraction:.2f}")
assert fractions["stock and fluxes"] < 0.6 * fractions["stock alone"]
