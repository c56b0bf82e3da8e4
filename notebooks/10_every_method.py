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
# # Every method on one problem
#
# One small model, one likelihood, one budget: which method should be used? Then what
# happens when the model is wrong, and what a treatment of the data changes. Everything
# here is **synthetic**. For your own run: `masm compare RUN --methods all`.

# %%
import matplotlib.pyplot as plt
import numpy as np

import masm

MONTH = np.arange("2001-01", "2004-01", dtype="datetime64[M]").astype("datetime64[D]")
SEASON = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(MONTH.size) / 12)


def model(theta):
    """GPP: a seasonal course with a summer maximum that saturates."""
    given = dict(theta)
    rate, bend, base = (
        np.atleast_1d(given[n])[:, None] for n in ("rate", "bend", "base")
    )
    return {"gpp": base + rate * SEASON / (1.0 + bend * SEASON)}


priors = {"rate": (2.0, 30.0), "bend": (0.0, 3.0), "base": (0.0, 2.0)}
truth = {"rate": 14.0, "bend": 0.8, "base": 0.5}
rng = np.random.default_rng(10)
values = model(truth)["gpp"][0] + rng.normal(0.0, 0.4, MONTH.size)


def observed(**errors):
    """The stream, with the error variance and what else its errors have."""
    return masm.Stream(
        "gpp",
        MONTH,
        values,
        units="g m-2 d-1",
        variance=masm.GivenVariance(0.16),
        windows=None,
        errors=masm.Errors(**errors),
    )


# %% [markdown]
# ## The table of methods
#
# The command line, the documentation and error messages read the same table.

# %%
for name in masm.METHODS:
    method = masm.method_of(name)
    print(f"{name:<24} {method.gives:<10} {method.summary}")

# %% [markdown]
# ## Some of them, compared
#
# The reference is a long chain on the model itself. Methods that give only a point have
# a cost and no distance. Ensemble methods are exact for linear models; here they are
# close, or say by weights of their members that they are not. The verdict is the
# method's own: `done` or `suspect`. `interval_mass` is how much of the reference the
# 90 % intervals hold.

# %%
comparison = masm.compare(
    model,
    {"gpp": observed()},
    priors,
    methods=["4denvar", "esmda", "enkf", "particle_filter", "smc", "cma_es"],
    budgets=[400, 4000],
    seeds=1,
    reference=8000,
)
shown = ["method", "budget", "runs", "distance", "interval_mass", "verdict"]
short = comparison.summary["verdict"].str.slice(0, 40)
print(comparison.summary[shown].assign(verdict=short).to_string(index=False))
print(comparison.recommendation)

figure, axis = plt.subplots(figsize=(6.5, 3.5))
for name, rows in comparison.summary.dropna(subset="distance").groupby("method"):
    (line,) = axis.plot(rows["runs"], rows["distance"], label=name)
    colour = line.get_color()
    faces = [colour if verdict == "done" else "white" for verdict in rows["verdict"]]
    axis.scatter(rows["runs"], rows["distance"], c=faces, edgecolors=colour, zorder=3)
bottom = 0.3 * comparison.floor  # a logarithmic axis has no zero
axis.axhspan(bottom, comparison.floor, color="0.9", label="halves of the\nreference")
axis.set(xscale="log", yscale="log", xlabel="model runs")
axis.set_ylim(bottom, 1.0)
axis.set_xticks([400, 1000, 4000], ["400", "1,000", "4,000"])
axis.set_xticks([], minor=True)
axis.set_ylabel("distance from the reference (prior sd)")
axis.set_title("Hollow: the method says not to trust it", fontsize=9)
axis.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
figure.tight_layout()

# %% [markdown]
# ## When the model is wrong
#
# Nature now has a second peak in autumn that no parameter can make. Plain calibration
# is sure and wrong about the years to come. A discrepancy, a Gaussian process in time
# that is orthogonal to the model's slopes, widens what is predicted.

# %%
autumn = 1.5 * np.exp(-0.5 * ((np.arange(MONTH.size) % 12 - 9.5) / 0.8) ** 2)
values = values + autumn
fit = slice(0, 24)  # two years are fitted, the third is predicted


def coverage(**errors):
    """Share of the held-out year within the 90 % interval of its prediction."""
    stream = observed(**errors)
    shown = masm.Stream(
        "gpp",
        MONTH[fit],
        values[fit],
        units="g m-2 d-1",
        variance=masm.GivenVariance(0.16),
        windows=None,
        errors=stream.errors,
    )
    result = masm.calibrate(
        lambda theta: {"gpp": model(theta)["gpp"][:, fit]},
        {"gpp": shown},
        priors,
        seed=1,
        method="esmda",
    )
    draws = {name: result.posterior[name].to_numpy().ravel() for name in priors}
    sd = np.sqrt(0.16 + errors.get("discrepancy_sd", 0.0) ** 2)
    made = model(draws)["gpp"][:, 24:]
    made = made + sd * rng.standard_normal(made.shape)
    low, high = np.quantile(made, [0.05, 0.95], axis=0)
    return np.mean((values[24:] >= low) & (values[24:] <= high)), np.mean(high - low)


for label, errors in (
    ("plain", {}),
    ("with discrepancy", {"discrepancy_sd": 0.6, "discrepancy_days": 40.0}),
):
    fraction, width = coverage(**errors)
    print(f"{label:<17} {fraction:.0%} of the held-out year inside, width {width:.1f}")

# %% [markdown]
# ## A treatment of the data
#
# On anomalies from the mean the constant `base` cannot be seen: its posterior is its
# prior. The result says what was done.

# %%
for treatment in ("none", "remove_mean"):
    result = masm.calibrate(
        model,
        {"gpp": observed(treatment=treatment)},
        priors,
        seed=1,
        method="esmda",
    )
    done = result.attrs.get("treatment_gpp", "none")
    print(f"{done:<55} sd of base {float(result.sd['base']):.2f}")
