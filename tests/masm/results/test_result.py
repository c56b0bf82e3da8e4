import h5netcdf
import pytest

import masm
from masm.methods.published.loop import sample
from masm.problem.problem import Problem
from masm.problem.seeds import seed_sequence
from masm.results.assemble import assemble
from masm.runners.cost_runner import CostRunner


def test_a_cost_alone_makes_a_result_without_observations(tmp_path):
    priors = masm.Priors({"a": (10.0, 20.0), "b": (0.0, 1.0)})

    def cost(theta):
        return (theta["a"] - 13.0) ** 2 + (theta["b"] - 0.5) ** 2 / 0.01

    problem = Problem(priors, priors.names, CostRunner(cost))
    outcome = sample(
        problem, seed_sequence(1), n_iterations=10, n_steps=1000, n_draws=8000
    )
    result = assemble([(problem, outcome)], seed=[1, 2], method="published")
    assert result.mean["a"] == pytest.approx(13.0, abs=0.15)
    assert result.sd["b"] == pytest.approx(0.1, rel=0.1)
    assert "observed_data" not in result.groups
    assert result.fit.empty
    result.to_netcdf(tmp_path / "r.nc")
    again = masm.open_result(tmp_path / "r.nc")
    assert again.posterior.equals(result.posterior)
    assert again.n_model_runs == outcome.runs.n


def test_a_file_that_is_no_result_is_refused(tmp_path):
    path = tmp_path / "other.nc"
    with pytest.raises(masm.InputError, match="cannot be read"):
        masm.open_result(path)
    path.write_text("not netCDF")
    with pytest.raises(masm.InputError, match="cannot be read"):
        masm.open_result(path)
    with h5netcdf.File(path, "w") as file:
        file.attrs["title"] = "something else"
    with pytest.raises(masm.InputError, match="no posterior"):
        masm.open_result(path)
