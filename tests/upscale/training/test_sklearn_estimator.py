import doctest

import numpy as np
import pytest
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import upscale
import upscale.training.sklearn_estimator
from upscale.training.sklearn_estimator import ParameterRegressor

from ..landscape import BOUNDS

EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": "each tree draws rows: a row of "
    "weight two and two rows of weight one are not drawn alike",
}


@parametrize_with_checks(
    [ParameterRegressor(n_trees=30)], expected_failed_checks=lambda one: EXPECTED
)
def test_scikit_learn_s_own_checks(estimator, check):
    check(estimator)


def test_examples_of_the_docstring_run():
    assert doctest.testmod(upscale.training.sklearn_estimator).failed == 0


def test_it_works_in_a_pipeline_on_blocks_and_stays_within_bounds(land):
    x, y = land.covariates.to_numpy(), land.calibrated.to_numpy()
    model = make_pipeline(
        StandardScaler(), ParameterRegressor(bounds=list(BOUNDS.values()))
    )
    blocks = (land.covariates["latitude"] // 1).to_numpy()
    found = cross_val_predict(model, x, y, groups=blocks, cv=GroupKFold(4))
    assert found.shape == y.shape
    assert np.corrcoef(found[:, 0], y[:, 0])[0, 1] > 0.8
    narrow = ParameterRegressor(bounds=[(40.0, 60.0)]).fit(x, y[:, 1]).predict(x)
    assert narrow.min() >= 40.0
    assert narrow.max() == 60.0


def test_a_parameter_of_any_size_is_learned_alike(land):
    x, y = land.covariates.to_numpy(), land.calibrated["vmax"].to_numpy()
    tiny, plain = (
        ParameterRegressor().fit(x, y * factor).predict(x) / factor
        for factor in (1e-20, 1.0)
    )
    assert tiny == pytest.approx(plain, rel=1e-6)


def test_wrong_bounds_are_refused(land):
    with pytest.raises(upscale.InputError, match="bounds"):
        ParameterRegressor(bounds=[(1.0, 0.0)]).fit(np.ones((5, 1)), np.ones(5))
