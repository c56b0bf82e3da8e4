"""Parameters that a model compares with whole numbers."""

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

import masm
from masm.gaussian_process.regression import GaussianProcess
from masm.problem.priors import as_priors
from masm.problem.problem import Problem
from masm.samplers.latin_hypercube import latin_hypercube
from masm.surrogates.input_warping import Warp
from masm.surrogates.integer_inputs import IntegerInputs


def problem_of(priors):
    made = as_priors(priors)
    return Problem(made, made.names, lambda theta: np.zeros(len(theta)))


def test_every_value_within_a_unit_is_seen_as_its_middle():
    problem = problem_of({"day": (200.5, 208.0), "rate": (0.0, 1.0)})
    units = IntegerInputs.of(problem).with_switched(0)
    day = np.array([200.5, 200.9, 201.0, 201.99, 206.2, 208.0])
    u = problem.unit(np.column_stack([day, np.full(6, 0.3)]))
    seen = np.asarray(problem.theta(units(u)))
    # The first unit is cut by the bound.
    assert_allclose(seen[:, 0], [200.75, 200.75, 201.5, 201.5, 206.5, 207.5])
    assert_allclose(seen[:, 1], 0.3)


def test_units_lie_where_the_prior_puts_them():
    problem = problem_of({"day": masm.LogUniform(1.0, 100.0)})
    units = IntegerInputs.of(problem).with_switched(0)
    day = np.random.default_rng(0).uniform(1.0, 100.0, (500, 1))
    seen = np.asarray(problem.theta(units(problem.unit(day))))
    assert_array_equal(np.floor(seen), np.floor(day))
    assert len(np.unique(seen)) <= 99


@pytest.mark.parametrize(
    ("low", "high", "may"),
    [(0.0, 1.0, False), (0.0, 5.0, True), (0.0, 1000.0, True), (0.0, 1e4, False)],
)
def test_only_ranges_of_some_units_are_looked_at(low, high, may):
    assert IntegerInputs.of(problem_of({"a": (low, high)})).candidates == [0] * may


@pytest.mark.parametrize("stepped", [True, False])
def test_evidence_separates_a_step_from_a_slope(stepped):
    """Twelve days are spanned by sixty runs; one output in six a day."""
    problem = problem_of({"day": (200.0, 212.0), "slope": (0.0, 12.0)})
    rng = np.random.default_rng(4)
    u = latin_hypercube(60, 2, rng)
    day, slope = np.asarray(problem.theta(u)).T
    y = np.sin((np.floor(day) if stepped else day) / 2.0) + 0.1 * slope
    gp = GaussianProcess(kernel="gaussian").fit(u, y, rng=rng)
    found = IntegerInputs.of(problem).select_by_evidence([gp], u, Warp.identity(2))
    assert found.active == ({0} if stepped else frozenset())


TIME = np.arange("2001-01-01", "2002-01-01", dtype="datetime64[D]")
UNITS = {"units": "g m-2 d-1"}


def season_model(theta):
    """GPP (g m-2 d-1) that falls to a fifth on the first whole day from an end on."""
    day = np.arange(1, 366)
    end, rate = np.asarray(theta).T[:, :, None]
    open_ = np.where(day < np.ceil(end), 1.0, 0.2)
    gpp = 10.0 * rate * np.sin(np.pi * day / 365.0) * open_
    return xr.Dataset({"gpp": (("sample", "time"), gpp, UNITS)}, coords={"time": TIME})


def test_a_threshold_in_days_gives_a_posterior_in_steps():
    """Two days of a season's end differ, whatever lies between them does not."""
    sd = 1.2

    def means_of(theta):
        gpp = season_model(theta)["gpp"].to_numpy()
        starts = np.arange(0, 365, 8)
        days = np.diff(np.append(starts, 365))
        return np.add.reduceat(gpp, starts, axis=1) / days

    noise = sd * np.random.default_rng(2).standard_normal(46)
    values = means_of([[250.4, 0.6]])[0] + noise
    observed = xr.Dataset(
        {
            "gpp": ("time", values, UNITS),
            "gpp_sd": ("time", np.full(46, sd), UNITS),
        },
        coords={"time": TIME[::8]},
    )
    priors = {"end": (200.0, 300.0), "rate": (0.2, 1.2)}
    result = masm.calibrate(season_model, observed, priors, seed=3, max_runs=90)
    assert result.status == "done"
    assert result.attrs["whole_units"] == "end"

    # Exact: each day's weight, by quadrature over the rate.
    day, rate = np.arange(200, 300), np.linspace(0.2, 1.2, 400)
    grid = np.stack(np.meshgrid(day + 0.5, rate, indexing="ij"), axis=-1)
    misfit = np.sum(((means_of(grid.reshape(-1, 2)) - values) / sd) ** 2, axis=1)
    weight = np.exp(-0.5 * (misfit - misfit.min())).reshape(grid.shape[:2]).sum(axis=1)
    quarter = np.repeat(weight / weight.sum() / 4.0, 4)

    end = result.posterior["end"].to_numpy().ravel()
    fraction = np.histogram(end, np.arange(200.0, 300.1, 0.25))[0] / len(end)
    assert quarter.max() < 0.15
    assert 0.5 * np.abs(fraction - quarter).sum() < 0.05
