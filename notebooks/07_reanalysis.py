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
# # A carbon reanalysis in one page
#
# Members of SIPNET run forward from 15 July to 15 July. On that day observations of
# above-ground wood and leaf area correct their states, and they go on from there.
# Everything here is **synthetic**: the weather is generated, the truth is one more run
# of the model, and observations are the truth with noise. For your own sites:
# `masm init net --template reanalysis`, then `masm reanalyse net`.

# %%
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np

import landdata
from landmodels import sipnet
from masm.filters import Carried, CycleOptions, analyse_cycle, chord_km

rng = np.random.default_rng(7)
latitude, longitude = np.array([38.0, 40.5]), np.array([-80.0, -78.5])
years, n = np.arange(2001, 2009), 24
states = ["above_ground_wood", "lai", "soil_carbon"]
process_sd = np.array([150.0, 0.2, 150.0])  # from one analysis to the next

# %% [markdown]
# ## Members
#
# Each has parameters and initial pools of its own, and keeps the parameters. Member 24
# is the truth: drawn in the same way, and never shown to the filter.


# %%
def drivers_of(site):
    """Day and night steps of generated weather."""
    normals = replace(landdata.harvard_normals(), lat=latitude[site])
    days = landdata.generate_weather(
        normals, (2001, 2008), np.random.default_rng([7, site])
    )
    vpd = landdata.vapour_pressure_deficit_of(days) / 100.0
    days["srad"] = ("time", landdata.shortwave_of(days), {"units": "MJ m-2 d-1"})
    days["vpd"] = ("time", vpd, {"units": "hPa"})
    keep = ["tmin", "tmax", "prec", "srad", "vpd"]
    return sipnet.half_daily_drivers(days[keep], latitude=latitude[site])


drivers = [drivers_of(site) for site in range(2)]
parameters = {
    "aMax": rng.uniform(14, 22, n + 1),
    "leafTurnoverRate": rng.uniform(0.10, 0.18, n + 1),
    "baseSoilResp": rng.uniform(0.02, 0.045, n + 1),
}
pools = [
    {
        "plantWoodInit": rng.lognormal(np.log(12_000), 0.2, n + 1),
        "laiInit": rng.lognormal(np.log(3.5), 0.2, n + 1),
        "soilInit": rng.lognormal(np.log(12_000), 0.2, n + 1),
    }
    for _ in range(2)
]


def run(site, year, state):
    """A year of all members at one site: its last day's states, and NEE."""
    first = "2001-01-01" if state is None else f"{year - 1}-07-16"
    found = sipnet.simulate_batch(
        drivers[site].sel(time=slice(first, f"{year}-07-15")),
        {**parameters, **(pools[site] if state is None else {})},
        initial_state=state,
    )
    daily = sipnet.daily_values(found)
    ends = np.stack([daily[name].isel(time=-1) for name in states], axis=-1)
    return found["final_state"], ends, daily["nee"]


# %% [markdown]
# ## Forecast, analyse, and again
#
# Wood is observed every year, leaf area from the third on, soil carbon never. A free
# run with the same members is kept to compare with.
#
# Soil carbon could be corrected by its **covariance with wood and leaves**, but with 24
# members a correlation of zero shows as one of about 0.2, at every analysis.
# `between_states` says which covariances between states are used: `tested` (default)
# those that differ from zero by more than sampling noise, each multiplied by a factor
# from 0 to 1; `apart` none; `sampled` those of the members as they are, which is the
# source's rule.

# %%
error_sd = np.array([640.0, 0.35, np.nan])
options = CycleOptions(
    process_sd, radius=500.0, between_states="tested", n_draws=400, n_warm=200
)
carried = Carried.first(options, n)
distance = chord_km(latitude, longitude)
state, free = [None, None], [None, None]
kept = {"truth": [], "free": [], "forecast": [], "analysis": [], "sd": [], "seen": []}
added, factors = [], []

for k, year in enumerate(years):
    ran = [run(site, year, state[site]) for site in range(2)]
    free_ran = [run(site, year, free[site]) for site in range(2)]
    ends = np.stack([one[1] for one in ran], axis=1)  # (member, site, state)
    truth = np.maximum(ends[-1] + process_sd * rng.standard_normal((2, 3)), 0.0)
    seen = truth + error_sd * rng.standard_normal((2, 3))
    if k < 2:
        seen[:, 1] = np.nan
    found = analyse_cycle(
        ends[:-1], np.maximum(seen, 0.0), np.broadcast_to(error_sd, (2, 3)),
        options=options, carried=carried, distance=distance, seed=[7, k],
    )  # fmt: skip
    carried = found.carried
    factors.append(found.state_factor)
    for site in range(2):
        values = np.concatenate([found.members[:, site], truth[[site]]])
        analysed = dict(zip(states, values.T, strict=True))
        new = sipnet.update_state(ran[site][0], analysed)
        state[site], free[site] = new["final_state"], free_ran[site][0]
        added.append(float(new["carbon_added"].sum("pool")[:-1].mean()))
    for name, value in (
        ("truth", truth), ("seen", seen), ("forecast", ends[:-1].mean(axis=0)),
        ("free", np.stack([one[1][:-1].mean(axis=0) for one in free_ran])),
        ("analysis", found.mean), ("sd", found.sd),
    ):  # fmt: skip
        kept[name].append(value)

kept = {name: np.array(value) for name, value in kept.items()}
for k, name in enumerate(states):
    rmse = {
        what: np.sqrt(((kept[what] - kept["truth"])[..., k] ** 2).mean())
        for what in ("free", "forecast", "analysis")
    }
    print(name, {what: float(f"{value:.3g}") for what, value in rmse.items()})
print("carbon that the analyses added, mean of members (g m-2):", np.round(added))

# %% [markdown]
# ## What was found
#
# Leaf area and wood follow what was observed. Soil carbon was never observed. An
# analysis changes it only where its correlation with wood or leaves among the members
# differs from zero by more than sampling noise. Otherwise only the model changes it,
# with the leaves and the wood that the analyses corrected. The table counts the
# analyses in which each pair was used.

# %%
used = (np.array(factors) > 0).sum(axis=0)
for j, k in ((0, 1), (0, 2), (1, 2)):
    print(
        f"{states[j]} with {states[k]}: used in {used[j, k]} of {len(years)} analyses"
    )

# %%
labels = ["above-ground wood (g C m-2)", "LAI", "soil carbon (g C m-2)"]
figure, axes = plt.subplots(3, 1, figsize=(7, 7), sharex=True, layout="constrained")
for k, axis in enumerate(axes):
    mean, sd = kept["analysis"][:, 0, k], 1.645 * kept["sd"][:, 0, k]
    axis.fill_between(years, mean - sd, mean + sd, alpha=0.3, label="analysis, 90 %")
    axis.plot(years, kept["truth"][:, 0, k], "k-", label="truth (synthetic)")
    axis.plot(years, kept["free"][:, 0, k], "--", label="free run")
    axis.plot(years, kept["seen"][:, 0, k], "s", label="observed")
    axis.set_ylabel(labels[k])
axes[0].legend(ncols=2, fontsize=8)
plt.show()

# %% [markdown]
# ## The process error, and the members' weights
#
# Q is learned from the innovations; of a state that is never observed it stays at its
# prior. Weights carry the analysis over to what was not assimilated, such as the daily
# NEE before it. The effective number of members says how far that can be trusted.

# %%
sd = np.sqrt(np.diag(found.process_mean))
for name, value, source in zip(states, sd, found.process_from, strict=True):
    print(f"sd of the process error of {name}: {value:.3g}, from {source}")
print("effective members of the last year:", np.round(found.effective, 1))
for site in range(2):
    nee = ran[site][2].to_numpy()[:-1]
    weighted = float((found.weight[site] @ nee).sum())
    print(f"NEE of the last year at site {site}: {weighted:.0f} weighted, "
          f"{nee.mean(axis=0).sum():.0f} of all members alike (g m-2)")  # fmt: skip
