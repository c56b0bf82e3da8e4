"""CENTURY on a domain: vectors that run together are as those that run alone."""

import numpy as np
import pytest

from jobs.process_models import century_domain as domain

SETTINGS = domain.Settings("equilibrium", False, 1.0, {}, (1980, 1985))


@pytest.fixture(scope="module")
def plateau():
    forcing = domain.open_domain("plateau", None)
    kinds = forcing["ecosystem"].to_numpy().astype(str)
    return forcing, np.flatnonzero(kinds == "meadow")[:2]


def test_a_vector_that_contradicts_itself_leaves_the_others_alone(plateau, monkeypatch):
    forcing, cells = plateau
    targets = domain.Targets(np.repeat(cells, 2), np.tile([domain.STOCK, 300], 2))
    theta = {"ppdf_1": np.array([15.0, 40.0, 16.0]), "ppdf_2": np.array([30.0, 31, 32])}
    together = domain.observed_values(forcing, targets, theta, SETTINGS)
    assert np.isnan(together[1]).all()
    assert np.isfinite(together[[0, 2]]).all()
    monkeypatch.setattr(domain, "_MOST_LANES", 2)  # each vector in a call of its own
    alone = domain.observed_values(forcing, targets, theta, SETTINGS)
    np.testing.assert_array_equal(together, alone)
    assert domain.observed_values(forcing, targets, {}, SETTINGS).shape == (1, 4)


def test_means_of_vectors_together_are_those_alone(plateau, monkeypatch):
    forcing, cells = plateau
    theta = {"prdx_1": np.array([0.4, 0.5, 0.6])}
    arguments = forcing, cells, theta, SETTINGS, (2000, 2002)
    together = domain.predicted_means(*arguments)
    assert together[0].shape == (3, 2)
    monkeypatch.setattr(domain, "_MOST_LANES", 2)
    for one, other in zip(together, domain.predicted_means(*arguments), strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_observer_keeps_nothing_of_an_earlier_vector(plateau):
    forcing, cells = plateau
    targets = domain.Targets(np.repeat(cells, 2), np.tile([domain.STOCK, 300], 2))
    observer = domain.Observer(forcing, targets, SETTINGS)
    first = observer({"prdx_1": [0.4]})
    other = observer({"prdx_1": [0.6, 0.5]})
    assert not np.array_equal(first[0], other[0])
    np.testing.assert_array_equal(observer({"prdx_1": [0.4]}), first)
    for k, value in enumerate((0.6, 0.5)):
        alone = domain.observed_values(forcing, targets, {"prdx_1": value}, SETTINGS)
        np.testing.assert_array_equal(alone[0], other[k])
