"""Sums of squares against closed forms, chance and Sobol indices."""

import numpy as np
import pytest

from masm.sensitivity.sums_of_squares import n_coefficients, sums_of_squares

ROOT3 = 3.0**0.5


def uniforms(n, p, seed=0):
    """Independent uniforms of mean zero and variance one."""
    return np.random.default_rng(seed).uniform(-ROOT3, ROOT3, (n, p))


@pytest.mark.parametrize("seed", range(5))
def test_main_effects_and_a_product_have_their_fractions(seed):
    x = uniforms(5000, 2, seed)
    found = sums_of_squares(x, 2.0 * x[:, 0] + x[:, 1] + x[:, 0] * x[:, 1])
    np.testing.assert_allclose(found.main[0], [4 / 6, 1 / 6], atol=0.02)
    assert found.product[0, 0, 1] == pytest.approx(1 / 6, abs=0.02)
    np.testing.assert_allclose(found.total[0], [5 / 6, 2 / 6], atol=0.02)
    assert found.adjusted_r2[0] == pytest.approx(1.0)
    assert found.describes.all()
    assert found.note == ""


def test_shares_are_sobol_indices_where_effects_are_lines_and_products():
    """First and total indices from pairs of conditional means, drawn anew."""
    weights = np.array([1.5, -1.0, 0.5])

    def model(x):
        return x @ weights + 0.8 * x[:, 0] * x[:, 2] + 0.4 * x[:, 1] * x[:, 2]

    a, b = uniforms(40_000, 3, 1), uniforms(40_000, 3, 2)
    y = model(a)
    found = sums_of_squares(a[:4000], y[:4000])
    for j in range(3):
        mixed = a.copy()
        mixed[:, j] = b[:, j]
        total = 0.5 * np.mean((y - model(mixed)) ** 2) / y.var()
        swapped = b.copy()
        swapped[:, j] = a[:, j]
        first = np.mean(y * (model(swapped) - model(b))) / y.var()
        assert found.main[0, j] == pytest.approx(first, abs=0.03)
        assert found.total[0, j] == pytest.approx(total, abs=0.03)


def test_ishigami_is_flagged_and_all_of_it_is_the_first_parameter():
    x = np.random.default_rng(0).uniform(-np.pi, np.pi, (5000, 3))
    y = np.sin(x[:, 0]) + 7.0 * np.sin(x[:, 1]) ** 2
    y += 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])
    found = sums_of_squares(x, y, names=["a", "b", "c"])
    assert found.adjusted_r2[0] == pytest.approx(0.19, abs=0.03)
    assert not found.describes.any()
    assert "Sobol" in found.note
    assert found.main[0, 0] == pytest.approx(0.19, abs=0.03)
    assert found.total[0, 1:].max() < 0.02
    assert found.kept == ("a",)


def test_sobol_g_has_no_r2():
    x = np.random.default_rng(0).uniform(size=(5000, 4))
    a = np.array([0.0, 1.0, 4.5, 9.0])
    y = np.prod((np.abs(4.0 * x - 2.0) + a) / (1.0 + a), axis=1)
    found = sums_of_squares(x, y)
    assert abs(found.adjusted_r2[0]) < 0.02
    assert not found.describes.any()


def test_noise_has_a_large_plain_r2_and_none_that_is_adjusted():
    x = uniforms(1600, 32)
    y = np.random.default_rng(1).normal(size=1600)
    found = sums_of_squares(x, y)
    assert found.n_coefficients == 529
    assert found.r2[0] == pytest.approx(0.33, abs=0.04)
    assert abs(found.adjusted_r2[0]) < 0.1
    # Chance is taken off before the comparison with the threshold.
    assert found.total[0].mean() == pytest.approx(
        found.total_by_chance[0].mean(), rel=0.2
    )
    assert found.kept == ()


def test_the_order_of_parameters_does_not_matter():
    x = uniforms(600, 4)
    y = x @ [2.0, 1.0, 0.5, 0.0] + x[:, 0] * x[:, 3]
    found = sums_of_squares(x, y)
    turned = sums_of_squares(x[:, ::-1], y)
    np.testing.assert_allclose(found.total[0], turned.total[0, ::-1], rtol=1e-10)


@pytest.mark.parametrize(
    ("p", "n_columns", "least"), [(32, 529, 1587), (35, 631, 1893)]
)
def test_too_few_draws_are_refused_with_both_numbers(p, n_columns, least):
    assert n_coefficients(p) == n_columns
    x = uniforms(500, p)
    message = rf"500 draws for {n_columns} coefficients[\s\S]*{least} draws"
    with pytest.raises(ValueError, match=message):
        sums_of_squares(x, x[:, 0])
    with pytest.raises(ValueError, match=str(least)):
        sums_of_squares(uniforms(least - 1, p), np.ones(least - 1))


def test_screening_makes_500_draws_enough():
    x = uniforms(500, 32)
    y = 2.0 * x[:, 3] + x[:, 7] + x[:, 3] * x[:, 7]
    found = sums_of_squares(x, y, products="screened")
    assert found.kept == ("3", "7")
    assert found.product[0, 3, 7] == pytest.approx(1 / 6, abs=0.05)
    assert np.isnan(found.product[0, 0, 1])
    assert found.describes.all()
    with pytest.raises(ValueError, match="main effects of 200 parameters"):
        sums_of_squares(uniforms(500, 200), np.ones(500), products="screened")


def test_outputs_are_averaged_failed_runs_left_out_and_constants_are_nan():
    x = uniforms(400, 3)
    y = np.column_stack([x[:, 0], x[:, 1], np.full(400, 5.0)])
    y[:7, 0] = np.nan
    found = sums_of_squares(x, y, names=["a", "b", "c"], threshold=0.3)
    assert found.n_failed == 7
    assert "7 failed" in found.note
    assert np.isnan(found.main[2]).all()
    assert not found.describes[2]
    assert found.kept == ("a", "b")


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ones((100, 2)), "does not vary"),
        (np.repeat(uniforms(100, 1), 2, axis=1), "depend on each other"),
        (np.full((100, 2), np.nan), "not finite"),
        (uniforms(90, 2), "shapes"),
    ],
)
def test_bad_input_is_refused(x, message):
    with pytest.raises(ValueError, match=message):
        sums_of_squares(x, np.arange(100.0))
