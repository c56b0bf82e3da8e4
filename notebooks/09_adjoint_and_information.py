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
# # A differentiable model: 4DVar, and what each stream is worth
#
# DALEC-BETHY has exact derivatives. Here a synthetic place with two vegetation types
# is observed by satellites. The search for the minimum follows gradients, and the
# linearised model shows what each stream adds. Weather, truth and observations are
# synthetic.

# %%
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import masm
from landdata import generate_weather, harvard_normals
from landmodels.dalec_bethy import (
    CellModel,
    cell_controls,
    control_range,
    drivers_of,
    validate_forcing,
)

rng = np.random.default_rng(9)

# %% [markdown]
# ## Weather and a cell
#
# A cell has fractions of vegetation types. Its parameters are those of each type,
# and those of the observation operators: SIF has a scale, L-VOD three.

# %%
weather = generate_weather(harvard_normals(), (2001, 2003), rng)
saturation = 610.78 * np.exp(17.269 * weather["tmax"] / (237.3 + weather["tmax"]))
forcing = xr.Dataset(
    {
        "tmin": weather["tmin"],
        "tmax": weather["tmax"],
        "prec": weather["prec"],
        "srad": ("time", 100.0 + 80.0 * np.sin(
            2.0 * np.pi * (weather["time"].dt.dayofyear.to_numpy() - 80.0) / 365.0
        ), {"units": "W m-2"}),
        "vpd": (0.4 * saturation).assign_attrs(units="Pa"),
        "co2": ((), 375.0, {"units": "ppm"}),
        "lat": ((), 42.5, {"units": "degrees_north"}),
        "elevation": ((), 340.0, {"units": "m"}),
    }
)  # fmt: skip
drivers = drivers_of(validate_forcing(forcing))
streams = ("sif", "lvod", "ssm", "fapar")
wanted = (*streams, "gpp", "nee", "vegetation_carbon")
cell = CellModel(drivers, {"EvCn": 0.6, "EShr": 0.4}, wanted)
print(f"{len(cell.names)} parameters, {cell.n_days} days")

# %% [markdown]
# ## The adjoint is exact
#
# `vjp` gives the series and a function from weights on them to a gradient by the
# parameters. Compared with a difference of two runs:

# %%
series, pullback = cell.vjp({})
slope = pullback({"gpp": np.ones(cell.n_days)})[cell.names.index("vm.EvCn")]
vm = cell.defaults[cell.names.index("vm.EvCn")]
low, high = (cell({"vm.EvCn": vm * (1.0 + e)})["gpp"].sum() for e in (-1e-4, 1e-4))
difference = (high - low) / (2e-4 * vm)
print(f"adjoint {slope:.6g}, difference {difference:.6g}")
assert abs(slope / difference - 1.0) < 1e-5

# %% [markdown]
# ## A model for `masm.calibrate`
#
# A model with `vjp` and `jacobian` is differentiable, and is calibrated with them.
# Units and dates come with the series. The first year is spin-up.


# %%
units = {
    "sif": "mW m-2 sr-1 nm-1",
    "lvod": "1",
    "ssm": "m3 m-3",
    "fapar": "1",
    "gpp": "g m-2 d-1",
    "nee": "g m-2 d-1",
    "vegetation_carbon": "g m-2",
}


class Seen:
    """The cell as masm calls it: satellite streams after the first year."""

    days = np.arange(cell.n_days) >= 365

    def _dataset(self, rows, dims):
        time = forcing["time"].to_numpy()[self.days]
        made = {n: (dims, v, {"units": units[n]}) for n, v in rows.items()}
        return xr.Dataset(made, coords={"time": time})

    def _cut(self, rows):
        return {n: v[self.days] for n, v in rows.items()}

    def __call__(self, theta):
        runs = [self._cut(cell(_row(theta, i))) for i in range(len(theta))]
        return self._dataset(
            {n: np.stack([run[n] for run in runs]) for n in wanted}, ("sample", "time")
        )

    def vjp(self, theta):
        found, pull = cell.vjp(_row(theta, 0))
        names = list(dict(theta))

        def back(weights):
            whole = {n: np.zeros(cell.n_days) for n in weights}
            for n, w in weights.items():
                whole[n][self.days] = w
            gradient = dict(zip(cell.names, pull(whole), strict=True))
            return np.array([gradient[n] for n in names])

        return self._dataset(self._cut(found), ("time",)), back

    def jacobian(self, theta, names):
        found, slopes = cell.jacobian(_row(theta, 0), names)
        return self._dataset(self._cut(found), ("time",)), self._cut(slopes)

    def collapsed(self, theta):
        return cell.collapsed(_row(theta, 0))


def _row(theta, i):
    return {n: float(np.atleast_1d(v)[i]) for n, v in dict(theta).items()}


chosen = ("vm.EvCn", "vm.EShr", "lma.EvCn", "cfol0.EvCn", "cwoo0.EvCn", "aw.EvCn",
          "sif_scale")  # fmt: skip
controls = cell_controls(["EvCn", "EShr"])


def prior_of(control):
    bounds = control_range(control)
    scale = control.sd if control.transform == "log2" else control.sd / control.prior
    return masm.TransformedNormal(
        *bounds, center=control.prior, scale=scale, transform="log"
    )


priors = masm.Priors({name: prior_of(controls[name]) for name in chosen})

# %% [markdown]
# ## A twin

# %%
model = Seen()
truth = priors.from_unit(0.3 + 0.4 * rng.random(len(priors)))
clean = model(truth).isel(sample=0)
noise = {"sif": (0.2, 0.02), "lvod": (0.2, 0.04), "ssm": (0.1, 0.03),
         "fapar": (0.1, 0.05)}  # fmt: skip
observed = xr.Dataset()
for name, (fraction, floor) in noise.items():
    unit = {"units": units[name]}
    sd = np.maximum(fraction * np.abs(clean[name]), floor)
    values = clean[name] + sd * rng.standard_normal(sd.size)
    observed[name] = values.assign_attrs(unit)
    observed[f"{name}_sd"] = sd.assign_attrs(unit)

# %% [markdown]
# ## 4DVar
#
# The search follows the adjoint. Draws of a normal distribution about the minimum are
# weighted by the true posterior. Their effective fraction says how far the result can
# be trusted.

# %%
result = masm.calibrate(
    model, observed, priors, seed=9, method="4dvar", n_starts=2, n_draws=100,
    n_predictive=0,
)  # fmt: skip
print(result.attrs["minimum_report"])
print(f"{result.attrs['n_gradients']} gradients; draws {result.attrs['reliability']}")
table = result.summary()[["mean", "sd"]]
table["truth"] = [float(truth[name][0]) for name in table.index]
print(table)

# %% [markdown]
# ## What is each stream worth?
#
# The model is linearised once; streams are left out in turn.

# %%
targets = [
    masm.Target("gpp", "gpp", "annual", "g m-2 yr-1"),
    masm.Target("nep", "nee", "annual", "g m-2 yr-1", sign=-1.0),
    masm.Target("vegetation_carbon", "vegetation_carbon", "final", "g m-2"),
]
means = {name: float(result.mean[name]) for name in priors}
found = masm.calibrated_information(model, observed, priors, means, targets=targets)
print(f"{'uncertainty reduction':<24}" + "".join(f"{t.name:>20}" for t in targets))
for experiment, values in found.content.target_reduction.items():
    print(f"{experiment:<24}" + "".join(f"{value:20.2f}" for value in values))
assert np.all(found.content.target_reduction["all"] >= -1e-9)

# %%
experiments = list(found.content.target_reduction)
figure, axis = plt.subplots(figsize=(8, 3.5), layout="constrained")
place, width = np.arange(len(targets)), 0.8 / len(experiments)
for k, experiment in enumerate(experiments):
    reduction = found.content.target_reduction[experiment]
    stream = experiment.removeprefix("without ").upper()
    label = "all streams" if experiment == "all" else f"without {stream}"
    axis.bar(place + (k - 2) * width, reduction, width, label=label)
axis.set_xticks(place, ["GPP, annual", "NEP, annual", "vegetation carbon, end"])
axis.set(ylim=(0.0, 1.0), ylabel="uncertainty reduction")
axis.legend(fontsize=8, ncols=2)
axis.set_title("Synthetic: what each satellite stream is worth")
plt.show()

# %% [markdown]
# From the command line the same is `masm run` with `model: {name: dalec_bethy}` and
# `method: 4dvar`, then `masm information RUN`. A region on footprints:
# `masm init swath --template swath`.
