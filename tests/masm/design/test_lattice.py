import numpy as np
import pytest
from scipy.stats import qmc

import masm
from masm.design.lattice import (
    decorrelate,
    good_lattice_points,
    initial_points,
    lattice_design,
)
from masm.problem.problem import Problem

SHAPES = [(126, 7), (108, 6), (180, 10), (36, 2), (54, 3)]


def largest_correlation(points):
    r = np.corrcoef(points, rowvar=False)
    return np.abs(r - np.eye(len(r))).max()


@pytest.mark.parametrize(("n", "d"), [*SHAPES, (18, 1), (5, 7)])
def test_every_column_is_a_permutation_of_the_levels(n, d):
    points = lattice_design(n, d, np.random.default_rng(1))
    assert points.shape == (n, d)
    levels = (np.arange(n) + 0.5) / n
    assert np.sort(points, axis=0) == pytest.approx(np.tile(levels[:, None], d))


@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_it_fills_the_cube_better_than_latin_hypercubes(n, d):
    points = lattice_design(n, d, np.random.default_rng(1))
    hypercubes = [
        qmc.discrepancy(qmc.LatinHypercube(d, rng=i).random(n)) for i in range(20)
    ]
    assert qmc.discrepancy(points) < 0.7 * min(hypercubes)


@pytest.mark.parametrize(("n", "d"), SHAPES)
def test_columns_are_hardly_correlated(n, d):
    points = lattice_design(n, d, np.random.default_rng(1))
    assert largest_correlation(points) < 0.04


def test_ranked_gram_schmidt_takes_out_strong_correlation():
    rng = np.random.default_rng(2)
    x = rng.random((100, 4))
    x[:, 1] = x[:, 0] + 0.3 * x[:, 1]
    ranked = (np.argsort(np.argsort(x, axis=0), axis=0) + 0.5) / 100
    assert largest_correlation(ranked) > 0.9
    assert largest_correlation(decorrelate(ranked)) < 0.02


def test_the_lattice_is_closed_under_addition():
    # n + 1 = 127 is prime: points are multiples of one generator modulo 127.
    points = np.round(good_lattice_points(126, 3) * 126 + 0.5).astype(int)
    rows = {tuple(row) for row in points}
    total = (points[4] + points[17]) % 127
    assert tuple(total) in rows


def test_the_design_depends_on_the_generator_alone():
    one = lattice_design(60, 4, np.random.default_rng(7))
    assert np.array_equal(one, lattice_design(60, 4, np.random.default_rng(7)))
    assert not np.array_equal(one, lattice_design(60, 4, np.random.default_rng(8)))


def constrained(rule):
    priors = masm.Priors({"a": (0.0, 1.0), "b": (0.0, 1.0)}, [rule])
    return Problem(priors, ("a", "b"), lambda theta: theta["a"])


def test_constrained_designs_have_as_many_points_all_allowed():
    problem = constrained(masm.below("a", "b"))
    points = initial_points(problem, 40, np.random.default_rng(1))
    assert points.shape == (40, 2)
    assert np.all(points[:, 0] < points[:, 1])


def test_a_constraint_that_leaves_nothing_is_an_error():
    never = masm.Constraint("a above two", lambda theta: theta["a"] > 2.0, ("a",))
    with pytest.raises(masm.InputError, match="a above two"):
        initial_points(constrained(never), 10, np.random.default_rng(1))
