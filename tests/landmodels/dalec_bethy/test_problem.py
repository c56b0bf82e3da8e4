"""The calibration problem: controls, operators, cells and regions."""

from dataclasses import replace

import numpy as np
import pytest

from landmodels.dalec_bethy import InputError
from landmodels.dalec_bethy.control import Control, transform
from landmodels.dalec_bethy.observations import Observations, cell_observations
from landmodels.dalec_bethy.operators import (
    fapar,
    l_band_optical_depth,
    surface_soil_moisture,
)
from landmodels.dalec_bethy.problem import (
    Cell,
    Type,
    cell_problem,
    region_problem,
)
from masm.information import information_content, posterior_covariance
from masm.methods.variational import Objective, four_d_var, gauss_newton

from .places import FLOOR, cell, drivers_of_place, four_streams

TYPES = [("EvCn", 0.67), ("EShr", 0.33)]


def test_the_control_vector_of_two_types_has_52_elements():
    problem = cell("boreal", TYPES)
    assert problem.n == 52
    assert problem.names[-6:] == ("aw.0", "al.0", "aw.1", "al.1", "v0", "sif_scale")
    assert problem.names[0] == "vm.0"
    assert problem.names[17] == "clab.0"
    assert problem.names[23] == "vm.1"


@pytest.mark.parametrize(
    ("kind", "prior", "sd", "expected"),
    [
        ("log", 4.0, 2.0, 4.0 * np.exp(0.5)),
        ("log2", 1.0, 2.0, np.exp(2.0)),
        ("gauss", 4.0, 2.0, 6.0),
        ("logit", 0.5, 0.1, 1.0 / (1.0 + np.exp(-0.4))),
    ],
)
def test_one_standard_deviation_of_a_transform(kind, prior, sd, expected):
    control = [Control("p", prior, sd, kind)]
    value, slope = transform(control, np.ones(1))
    assert value[0] == pytest.approx(expected, rel=1e-14)
    step = transform(control, np.ones(1) + 1e-30j)[0].imag / 1e-30
    assert slope[0] == pytest.approx(step[0], rel=1e-13)


def test_two_equal_tiles_are_one_tile():
    one = cell("temperate", [("TmSg", 1.0)])
    two = cell("temperate", [("TmSg", 0.4), ("TmSg", 0.6)])
    np.testing.assert_allclose(
        two.observe(np.zeros(two.n)), one.observe(np.zeros(one.n)), rtol=1e-12
    )
    np.testing.assert_allclose(
        two.targets(np.zeros(two.n)), one.targets(np.zeros(one.n)), rtol=1e-12
    )


def test_a_region_of_one_cell_is_the_cell():
    observations = four_streams(365, every=5)
    drivers = drivers_of_place("boreal", 1, 1)
    region = region_problem([Cell(drivers, dict(TYPES))], observations)
    alone = cell_problem(drivers, TYPES, observations)
    x = 0.3 * np.random.default_rng(1).standard_normal(alone.n)
    of = {"EvCn": "0", "EShr": "1"}
    names = [n.removesuffix(".0") if n.count(".") == 2 else n for n in region.names]
    order = [
        alone.names.index(f"{n.split('.')[0]}.{of[n.split('.')[1]]}" if "." in n else n)
        for n in names
    ]
    value, gradient = alone.cost(x)
    there, slope = region.cost(x[order])
    assert there == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(slope, gradient[order], rtol=1e-9, atol=1e-9)


def two_cells():
    """Two cells that share a type; observations see both, weighed 0.3 and 0.7."""
    base = four_streams(365, every=10)
    n = base.n
    observations = Observations(
        base.stream, base.value, base.variance, np.tile(np.arange(n), 2),
        np.repeat([0, 1], n), np.tile(base.day, 2), np.tile(base.hour, 2),
        np.repeat([0.3, 0.7], n),
    )  # fmt: skip
    cells = [
        Cell(drivers_of_place("boreal", 1, seed), {"EvCn": 0.8, "EShr": 0.2})
        for seed in (1, 2)
    ]
    return cells, observations


def test_cells_share_the_parameters_of_a_type_and_have_pools_of_their_own():
    cells, observations = two_cells()
    region = region_problem(cells, observations)
    assert region.n == 2 * 17 + 4 * 6 + 4 + 2
    x = 0.3 * np.random.default_rng(3).standard_normal(region.n)
    alone = []
    for k, one in enumerate(cells):
        base = four_streams(365, every=10)
        problem = region_problem([one], base)
        names = [f"{n[:-1]}{k}" if n.count(".") == 2 else n for n in problem.names]
        alone.append(problem.observe(x[[region.names.index(n) for n in names]]))
    np.testing.assert_allclose(
        region.observe(x), 0.3 * alone[0] + 0.7 * alone[1], rtol=1e-12
    )


def test_a_region_has_the_same_gradient_with_threads_and_by_tangents():
    cells, observations = two_cells()
    region = region_problem(cells, observations)
    threaded = region_problem(cells, observations, threads=2)
    x, v = 0.3 * np.random.default_rng(3).standard_normal((2, region.n))
    w = np.random.default_rng(4).standard_normal(observations.n)
    assert region.vjp(x, w) @ v == pytest.approx(w @ region.jvp(x, v), rel=1e-10)
    np.testing.assert_allclose(region.jacobian(x) @ v, region.jvp(x, v), rtol=1e-9)
    value, gradient = region.cost(x)
    assert threaded.cost(x)[0] == value
    np.testing.assert_array_equal(threaded.cost(x)[1], gradient)


def test_targets_have_the_derivative_that_differences_show():
    problem = cell("temperate", [("TmSg", 1.0)])
    x = np.zeros(problem.n)
    slopes = problem.target_jacobian(x)
    for j in (0, 16, 20):
        e = np.zeros(problem.n)
        e[j] = 1e-4
        difference = (problem.targets(x + e) - problem.targets(x - e)) / 2e-4
        np.testing.assert_allclose(slopes[:, j], difference, rtol=1e-5, atol=1e-5)
    assert problem.target_names[:3] == ("gpp", "nee", "et")


def test_elements_that_are_not_free_stay_at_their_prior():
    whole = cell("boreal", TYPES)
    part = cell("boreal", TYPES, free=["al.1", "vm.0"])
    assert part.names == ("al.1", "vm.0")
    x = np.zeros(whole.n)
    at = [whole.names.index(n) for n in part.names]
    x[at] = 0.7, -0.4
    np.testing.assert_array_equal(part.observe(np.array([0.7, -0.4])), whole.observe(x))
    np.testing.assert_allclose(
        part.jacobian(np.array([0.7, -0.4])), whole.jacobian(x)[:, at], rtol=1e-12
    )


def test_a_correlated_prior_is_a_change_of_coordinates():
    correlation = np.array([[1.0, 0.6], [0.6, 1.0]])
    free = ["vm.0", "lma.0"]
    plain = cell("boreal", TYPES, free=free)
    tilted = cell("boreal", TYPES, free=free, prior_correlation=correlation)
    z = np.array([0.5, -0.3])
    x = np.linalg.cholesky(correlation) @ z
    np.testing.assert_allclose(tilted.to_parameters(z), plain.to_parameters(x))
    np.testing.assert_allclose(tilted.observe(z), plain.observe(x))
    misfit = plain.cost(x)[0] - 0.5 * x @ x
    prior = 0.5 * x @ np.linalg.solve(correlation, x)
    assert tilted.cost(z)[0] == pytest.approx(misfit + prior, rel=1e-12)


def test_optical_depth_of_a_frozen_canopy_is_lower():
    operator = l_band_optical_depth()
    fields = {"cwoo_end": np.full(2, 3e3), "lai": np.full(2, 2.0),
              "fw_r": np.full(2, 0.5), "tday": np.array([-20.0, 15.0])}  # fmt: skip
    frozen, warm = operator.value(fields, {"aw": 2e-4, "al": 0.05, "v0": 0.4})
    assert frozen == pytest.approx(0.36 * warm, rel=1e-2)
    assert warm == pytest.approx((0.6 + 0.1) * 0.7, rel=1e-2)


def test_soil_moisture_lies_between_its_limits():
    operator = surface_soil_moisture(residual=0.1, saturated=0.5)
    np.testing.assert_allclose(
        operator.value({"fw_s": np.array([0.0, 0.5, 1.0])}, {}), [0.1, 0.3, 0.5]
    )


def test_fluorescence_of_a_whole_day_is_the_mean_of_its_hours():
    drivers = drivers_of_place("temperate", 1, 1)
    hours = [*range(24), -1]
    observations = cell_observations(
        ["sif"] * 25, [180] * 25, hours, np.zeros(25), np.ones(25)
    )
    problem = cell_problem(drivers, [("TmSg", 1.0)], observations)
    seen = problem.observe(np.zeros(problem.n))
    assert seen[24] == pytest.approx(seen[:24].mean(), rel=1e-13)
    rng = np.random.default_rng(1)
    x, v = 0.2 * rng.standard_normal((2, problem.n))
    w = rng.standard_normal(25)
    assert problem.vjp(x, w) @ v == pytest.approx(w @ problem.jvp(x, v), rel=1e-10)


def test_white_sky_fapar_has_an_operator():
    drivers = drivers_of_place("temperate", 1, 1)
    observations = cell_observations(["fapar"], [180], [-1], [0.0], [1.0])
    problem = cell_problem(
        drivers,
        [("TmSg", 1.0)],
        observations,
        operators={"fapar": fapar(white_sky=True)},
    )
    (seen,) = problem.observe(np.zeros(problem.n))
    assert 0.5 < seen < 1.0


def test_towers_are_seen_by_the_outputs_of_the_model():
    streams = ["gpp", "nee", "et", "lai", "swc"]
    observations = cell_observations(
        streams, [200] * 5, [-1] * 5, np.zeros(5), np.ones(5)
    )
    problem = cell_problem(
        drivers_of_place("temperate", 1, 1), [("TmSg", 1.0)], observations
    )
    assert problem.n == 23
    gpp, nee, et, lai, swc = problem.observe(np.zeros(23))
    assert gpp > 2.0
    assert nee < 0.0
    assert 0.5 < et < 8.0
    assert lai > 1.0
    assert 0.05 < swc < 0.45


def test_with_a_linear_operator_minimum_and_posterior_have_a_closed_form():
    base = l_band_optical_depth()
    linear = replace(
        base,
        tile_controls=(
            Control("aw", 2e-4, 1e-4, "gauss"), Control("al", 0.05, 0.025, "gauss"),
        ),
    )  # fmt: skip
    drivers = drivers_of_place("boreal", 1, 1)
    n = 73
    rng = np.random.default_rng(12)
    observations = cell_observations(
        ["lvod"] * n, np.arange(n) * 5, [6] * n,
        rng.uniform(0.2, 0.6, n), np.full(n, 0.04**2),
    )  # fmt: skip
    problem = cell_problem(
        drivers, TYPES, observations, operators={"lvod": linear},
        free=["aw.0", "al.0", "aw.1", "al.1"],
    )  # fmt: skip
    zero = np.zeros(4)
    m = np.stack([problem.observe(e) - problem.observe(zero) for e in np.eye(4)], 1)
    d = observations.value - problem.observe(zero)
    a = np.linalg.inv(m.T @ m / 0.04**2 + np.eye(4))
    x = a @ m.T @ d / 0.04**2
    found = posterior_covariance(problem.jacobian(zero), observations.variance)
    np.testing.assert_allclose(found, a, atol=1e-12)
    result = four_d_var(
        problem.cost,
        zero,
        bounds=None,
        cost_tolerance=1e-16,
        gradient_tolerance=1e-11,
    )
    np.testing.assert_allclose(result.x, x, atol=1e-7)


def test_every_stream_narrows_the_posterior_of_a_cell():
    problem = cell("boreal", TYPES)
    linear = problem.linearise(np.zeros(problem.n))
    content = information_content(
        linear.jacobian, problem.observations.variance,
        problem.observations.stream.tolist(), names=problem.names,
        target_jacobian=linear.target_jacobian, target_names=problem.target_names,
    )  # fmt: skip
    everything = content.covariance["all"]
    assert set(content.covariance) == {"all", *(f"without {s}" for s in FLOOR)}
    for a in content.covariance.values():
        assert np.linalg.eigvalsh(a - everything)[0] >= -1e-10
        assert np.linalg.eigvalsh(np.eye(52) - a)[0] >= -1e-10
    # Nothing of the soil carbon is seen, neither in parameters nor in the pool.
    at = [problem.names.index(n) for n in ("csom.0", "tor_som.0", "tor_lit.1")]
    np.testing.assert_allclose(content.reduction["all"][at], 0.0, atol=1e-12)
    gpp = content.target_names.index("gpp")
    assert content.target_reduction["all"][gpp] > 0.3


def test_the_misfit_of_a_stream_is_one_where_it_lies_one_error_away():
    problem = cell("temperate", [("TmSg", 1.0)])
    o = problem.observations
    seen = problem.observe(np.zeros(problem.n))
    shift = np.where(o.stream == "ssm", 2.0, 1.0) * np.sqrt(o.variance)
    shifted = cell_problem(
        drivers_of_place("temperate", 1, 1),
        [("TmSg", 1.0)],
        o.with_values(seen + shift),
    )
    misfit = shifted.stream_misfit(np.zeros(problem.n))
    assert misfit["ssm"] == pytest.approx(4.0)
    assert misfit["sif"] == pytest.approx(1.0)


def test_leaving_a_stream_out_keeps_the_observations_of_the_others():
    whole = cell("temperate", [("TmSg", 1.0)])
    rest = whole.observations.without("lvod")
    drivers = drivers_of_place("temperate", 1, 1)
    part = cell_problem(drivers, [("TmSg", 1.0)], rest)
    keep = whole.observations.stream != "lvod"
    np.testing.assert_array_equal(
        part.observe(np.zeros(part.n)), whole.observe(np.zeros(whole.n))[keep]
    )
    with pytest.raises(InputError, match="no stream 'nee'"):
        whole.observations.without("nee")


def twin(seed):
    """A cell of four years whose observations come from a draw of the prior."""
    rng = np.random.default_rng(seed)
    problem = cell("temperate", [("TmSg", 1.0)], 4, start=730, every=1)
    truth = 0.5 * rng.standard_normal(problem.n)
    clean = problem.observe(truth)
    sigma = np.array([FLOOR[s] for s in problem.observations.stream])
    noisy = clean + sigma * rng.standard_normal(clean.size)
    observations = problem.observations.with_values(noisy)
    drivers = drivers_of_place("temperate", 4, 1)
    return cell_problem(drivers, [("TmSg", 1.0)], observations), truth


@pytest.mark.parametrize("seed", [1, 2])
def test_the_minimum_of_a_twin_is_half_the_number_of_its_observations(seed):
    problem, truth = twin(seed)
    result = four_d_var(
        problem.cost, np.zeros(problem.n), names=problem.names, cost_tolerance=1e-6
    )
    half = 0.5 * problem.observations.n
    assert result.cost == pytest.approx(half, rel=0.05)
    assert result.cost <= problem.cost(truth)[0]
    assert result.best.cost_at_start > 1.5 * result.cost


def test_a_canopy_that_dies_out_is_reported():
    problem = cell("temperate", [("TmSg", 1.0)])
    assert problem.collapsed(np.zeros(problem.n)) == []
    x = np.zeros(problem.n)
    for name in ("vm.0", "clab.0", "cfol.0", "p_lab.0"):
        x[problem.names.index(name)] = -25.0
    x[problem.names.index("lma.0")] = 4.0
    (found,) = problem.collapsed(x)
    assert "vm.0" in found


def test_a_cost_that_is_no_number_is_said_to_be_none():
    problem = cell("temperate", [("TmSg", 1.0)])
    x = np.zeros(problem.n)
    x[problem.names.index("lma.0")] = -1e5  # no leaf mass at all
    value, gradient = problem.cost(x)
    assert not np.isfinite(value)
    assert np.isnan(gradient).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"variance": -0.01}, "variance"),
        ({"variance": 0.0}, "variance"),
        ({"variance": np.nan}, "variance"),
        ({"value": np.nan}, "value"),
        ({"day": 365}, "outside the run"),
        ({"day": -1}, "outside the run"),
        ({"hour": 24}, "hour"),
        ({"stream": "sift"}, "no observation operator"),
    ],
)
def test_an_observation_that_cannot_be_is_refused(change, message):
    row = {"stream": "sif", "day": 10, "hour": 13, "value": 0.1, "variance": 0.01}
    row |= change
    with pytest.raises(InputError, match=message) as caught:
        cell_problem(
            drivers_of_place("temperate", 1, 1), [("TmSg", 1.0)],
            cell_observations([row["stream"]], [row["day"]], [row["hour"]],
                              [row["value"]], [row["variance"]]),
        )  # fmt: skip
    assert "wanted" in str(caught.value)


def test_footprint_weights_that_do_not_sum_to_one_are_refused():
    base = four_streams(365, every=100)
    half = replace(base, weight=0.5 * base.weight)
    with pytest.raises(InputError, match="weights that sum"):
        cell_problem(drivers_of_place("temperate", 1, 1), [("TmSg", 1.0)], half)


def test_weather_with_a_gap_is_refused():
    whole = drivers_of_place("temperate", 1, 1)
    daily = whole.daily.copy()
    daily[17, 1] = np.nan
    with pytest.raises(InputError, match="day 17"):
        cell_problem(
            replace(whole, daily=daily), [("TmSg", 1.0)], four_streams(365, every=100)
        )


def test_the_cost_is_that_of_the_general_objective():
    problem = cell("boreal", TYPES)
    o = problem.observations
    x = 0.3 * np.random.default_rng(8).standard_normal(problem.n)
    general = Objective(
        problem, o.value, o.variance, np.zeros(problem.n), np.eye(problem.n)
    )
    value, gradient = problem.cost(x)
    assert general(x)[0] == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(general(x)[1], gradient, rtol=1e-9, atol=1e-9)
    newton = gauss_newton(general, np.zeros(problem.n), max_iterations=3)
    assert newton.cost < problem.cost(np.zeros(problem.n))[0]


def test_lengths_that_differ_are_refused():
    with pytest.raises(InputError, match="day"):
        cell_observations(["sif"], [1, 2], [13], [0.1], [0.01])


@pytest.mark.parametrize(
    "types", [[("TmSg", 0.7)], [("TmSg", 1.2), ("EvCn", -0.2)], [], [("TmSx", 1.0)]]
)
def test_types_and_fractions_that_cannot_be_are_refused(types):
    with pytest.raises(InputError):
        cell("temperate", types)


def test_a_prior_correlation_that_is_not_positive_definite_is_refused():
    with pytest.raises(InputError, match="prior_correlation") as caught:
        cell("boreal", TYPES, free=["vm.0", "lma.0"],
             prior_correlation=[[1.0, 2.0], [2.0, 1.0]])  # fmt: skip
    assert "-1" in str(caught.value)


@pytest.mark.parametrize(
    "control",
    [
        Control("p", 1.0, -1.0, "log"),
        Control("p", -1.0, 1.0, "log"),
        Control("p", 1.5, 0.1, "logit"),
        Control("p", 1.0, 0.1, "loglog"),
    ],
)
def test_a_prior_that_its_transform_cannot_take_is_refused(control):
    kind = Type.of("TmSg")
    wrong = Type("x", (control, *kind.controls[1:]), 2.0, 0.1)
    with pytest.raises(InputError, match="control"):
        cell("temperate", [(wrong, 1.0)])


def test_a_control_vector_of_another_length_is_refused():
    problem = cell("temperate", [("TmSg", 1.0)])
    with pytest.raises(InputError, match="control vector"):
        problem.cost(np.zeros(3))
