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
# # Many sites: separate, pooled, hierarchical
#
# Sites can be calibrated each alone (separate), as if they were one (pooled), or
# together with a prior of the group, whose width is learned from the data
# (hierarchical). Everything here is **synthetic**: a small model of NEE, observed with
# noise at parameters that are known.

# %%
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import masm
from masm.hierarchical import CalibratedSite, calibrate_together, site_problem
from masm.observations.dataset import as_streams

time = np.arange("2001-01-01", "2003-01-01", dtype="datetime64[D]")
year = np.arange(time.size) / 365.25
light = np.clip(np.sin(2 * np.pi * (year - 0.25)), 0, None)
warmth = 10 - 12 * np.cos(2 * np.pi * year)

# %% [markdown]
# The model: uptake in proportion to light, respiration that grows with warmth. Its
# two parameters are `uptake` and `q10`.


# %%
def model(theta):
    """NEE of two years, over (sample, time)."""
    uptake, q10 = (np.asarray(theta[name])[:, None] for name in ("uptake", "q10"))
    nee = 1.5 * q10 ** ((warmth - 10) / 10) - uptake * light
    return xr.Dataset(
        {"nee": (("sample", "time"), nee, {"units": "g m-2 d-1"})}, {"time": time}
    )


priors = masm.Priors({"uptake": masm.Uniform(0.0, 12.0), "q10": masm.Uniform(1.0, 4.0)})

# %% [markdown]
# Five sites differ in `uptake` and share `q10` = 2. The last of them has ten days of
# data. A sixth site has none.

# %%
rng = np.random.default_rng(4)
uptake = np.array([3.0, 4.5, 5.0, 6.5, 7.5, 5.5])
names = ["A", "B", "C", "D", "E (10 days)", "F (no data)"]
observed = {}
for k, name in enumerate(names[:5]):
    truth = {"uptake": uptake[[k]], "q10": np.array([2.0])}
    nee = model(truth)["nee"].isel(sample=0) + rng.normal(0, 2.0, time.size)
    nee.attrs["units"] = "g m-2 d-1"
    if k == 4:
        nee = nee.where((np.arange(time.size) >= 150) & (np.arange(time.size) < 160))
        nee.attrs["units"] = "g m-2 d-1"
    observed[name] = as_streams(xr.Dataset({"nee": nee}), variance=0.5)

# %% [markdown]
# ## Each site alone
#
# An ordinary calibration of each. Its model runs are kept: the joint step starts from
# them.

# %%
alone, sites = {}, {}
for k, name in enumerate(names[:5]):
    alone[name] = masm.calibrate(model, observed[name], priors, seed=[1, k])
    problem = site_problem(model, observed[name], priors)
    runs = alone[name].groups["runs"]
    theta = np.column_stack([runs[parameter] for parameter in priors.names])
    sites[name] = CalibratedSite(problem, problem.run(problem.unit(theta)))
sites[names[5]] = None  # no observations: predicted from the group

# %% [markdown]
# ## Together
#
# `calibrate_together` emulates every site's series, samples the group, and adds model
# runs where the joint posteriors lie. In a run folder this is `sites: hierarchical`.

# %%
together = calibrate_together(sites, seed=7, n_draws=150, n_warm=200)
for name, verdict in together.verdicts.items():
    print(f"{name}: {'right' if verdict.is_right else 'wrong'}; {verdict.reason}")
print(together.note)

hierarchical = together.theta(together.hierarchical.theta, priors)
pooled = together.theta(together.pooled.theta[:, :, 0], priors)

# %% [markdown]
# The pooled posterior is narrow, and wrong at most sites. The hierarchical one is as
# precise as a site's own where there are many data. At the site with ten days it uses
# the `q10` of the other sites. The site without data has the spread between sites.

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
rows = np.arange(6)
for j, (axis, parameter) in enumerate(zip(axes, priors.names, strict=True)):
    mean, sd = hierarchical[..., j].mean((0, 1)), hierarchical[..., j].std((0, 1))
    own = np.array([alone[n].mean[parameter] for n in names[:5]])
    own_sd = np.array([alone[n].sd[parameter] for n in names[:5]])
    axis.errorbar(own, rows[:5] - 0.2, xerr=own_sd, fmt="o", label="separate")
    axis.errorbar(mean, rows, xerr=sd, fmt="s", label="hierarchical")
    axis.axvspan(*np.quantile(pooled[..., j], [0.16, 0.84]), alpha=0.3, label="pooled")
    axis.plot(uptake if j == 0 else np.full(6, 2.0), rows + 0.2, "k|", label="truth")
    axis.set_xlabel({"uptake": "uptake (g C m-2 d-1)"}.get(parameter, parameter))
axes[0].set_yticks(rows, names)
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)

truth = np.column_stack([uptake, np.full(6, 2.0)])
z = (hierarchical.mean((0, 1)) - truth) / hierarchical.std((0, 1))
assert np.all(np.abs(z) < 4.0)
assert hierarchical[:, :, 4, 1].std() < alone[names[4]].sd["q10"]

# %% [markdown]
# ## Which parameters belong to the site
#
# `share_between` is the variance between sites over the sum of it and that within a
# site. With few sites it depends on the prior of the group, so it is printed for a
# second prior too. Here `uptake` is a site parameter; `q10` could be shared.

# %%
for j, parameter in enumerate(priors.names):
    spread = np.sqrt(together.hierarchical.covariance[..., j, j]).mean()
    print(
        f"{parameter}: sd between sites {spread:.2f} of the prior's; fraction between "
        f"sites {together.share_between[j]:.2f}, with the other prior "
        f"{together.other_share_between[j]:.2f}"
    )
new = together.theta(together.new_site, priors)
low, high = np.quantile(new[..., 0], [0.05, 0.95])
print(f"uptake of a new site, 90 % interval: {low:.1f} to {high:.1f}")
