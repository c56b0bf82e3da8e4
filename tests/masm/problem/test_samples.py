import pickle

import numpy as np
import pytest

from masm import Samples


@pytest.fixture
def theta():
    return Samples(np.arange(6.0).reshape(3, 2), ["a", "b"])


def test_a_column_answers_to_its_name(theta):
    assert theta["b"].tolist() == [1.0, 3.0, 5.0]
    assert type(theta["b"]) is np.ndarray
    assert {k: v.tolist() for k, v in dict(theta).items()} == {
        "a": [0.0, 2.0, 4.0],
        "b": [1.0, 3.0, 5.0],
    }


def test_it_is_an_ordinary_array(theta):
    assert theta.shape == (3, 2)
    assert (theta * 2.0)[2, 1] == 10.0
    _, b = theta.T
    assert np.asarray(b).tolist() == [1.0, 3.0, 5.0]
    assert not hasattr(theta[:, :1], "keys")


def test_a_row_keeps_the_names_for_models_of_one_set(theta):
    assert dict(theta[1]) == {"a": 2.0, "b": 3.0}
    assert theta[1:2]["a"].tolist() == [2.0]


def test_names_survive_the_way_to_another_process(theta):
    again = pickle.loads(pickle.dumps(theta))  # noqa: S301
    assert again.names == ("a", "b")
    assert np.array_equal(again, theta)


def test_an_unknown_name_is_a_key_error_that_lists_the_names(theta):
    with pytest.raises(KeyError, match="a, b"):
        theta["vmax"]


def test_names_must_match_the_columns():
    with pytest.raises(ValueError, match="3 names"):
        Samples(np.zeros((4, 2)), ["a", "b", "c"])
