"""The greedy choice, beside its plain statement."""

import numpy as np
import pytest

from masm.design.information_gain import Information, most_informative


def plainly_chosen(information, n_given, size):
    """Condition on each given row, then on whichever takes most variance."""
    covariances = [part.covariance.copy() for part in information]
    n = len(covariances[0])
    taken = list(range(n_given))
    for step in range(n_given + size):
        if step >= n_given:
            gain = sum(
                (c[:, n:] ** 2 @ part.weight) / (np.diag(c[:, :n]) + part.noise)
                for c, part in zip(covariances, information, strict=True)
            )
            gain[taken] = -1.0
            taken.append(int(np.argmax(gain)))
        i = taken[step]
        for c, part in zip(covariances, information, strict=True):
            row = c[i].copy()
            c -= np.outer(row[:n], row) / (row[i] + part.noise)
    return taken[n_given:]


@pytest.mark.parametrize(("n_given", "size"), [(0, 1), (0, 6), (3, 5), (4, 1)])
def test_rows_that_take_most_variance_are_chosen_one_after_another(n_given, size):
    rng = np.random.default_rng(8)
    information = []
    for noise in (0.1, 0.01, 2.0):
        root = rng.standard_normal((40, 12))
        covariance = (root @ root.T + 0.1 * np.eye(40))[:25]
        information.append(Information(covariance, rng.random(15), noise))
    before = [part.covariance.copy() for part in information]
    chosen = most_informative(information, n_given, size)
    assert chosen == plainly_chosen(information, n_given, size)
    for part, as_it_was in zip(information, before, strict=True):
        np.testing.assert_array_equal(part.covariance, as_it_was)


def test_no_more_rows_are_chosen_than_there_are():
    information = [Information(np.eye(3, 5), np.ones(2), 0.1)]
    assert sorted(most_informative(information, 1, 9)) == [1, 2]
