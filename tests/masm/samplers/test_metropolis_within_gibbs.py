"""Chains that move one block at a time: the joint density, exactly."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import masm
from masm.samplers.latin_hypercube import latin_hypercube
from masm.samplers.metropolis_within_gibbs import block_chains


def normal_at_a_bound():
    """Three correlated parameters; half of the first one's mass is past its bound."""
    covariance = np.array([[4.0, 2.0, 0.5], [2.0, 3.0, -0.5], [0.5, -0.5, 1.0]]) / 100
    mean = np.array([0.0, 0.5, 0.6])
    precision = np.linalg.inv(covariance)

    def log_density(u):
        return -0.5 * np.einsum("ij,jk,ik->i", u - mean, precision, u - mean)

    exact = np.random.default_rng(1).multivariate_normal(mean, covariance, 400_000)
    exact = exact[np.all((exact >= 0.0) & (exact <= 1.0), axis=1)]
    return log_density, exact


@pytest.mark.parametrize("blocks", [[[0], [1, 2]], [[0, 1], [1, 2]], [[2, 1, 0]]])
def test_any_blocks_have_the_joint_density(blocks):
    log_density, exact = normal_at_a_bound()
    rng = np.random.default_rng(2)
    chains = block_chains(
        log_density, latin_hypercube(200, 3, rng), blocks, rng=rng,
        n_chains=100, n_steps=600, n_burn=200,
    )  # fmt: skip
    assert chains.u.min() >= 0.0
    assert chains.u.max() <= 1.0
    assert_allclose(chains.pooled.mean(axis=0), exact.mean(axis=0), atol=0.006)
    assert_allclose(np.cov(chains.pooled.T), np.cov(exact.T), atol=0.0012)
    low = np.quantile(chains.pooled[:, 0], [0.05, 0.25, 0.5])
    assert_allclose(low, np.quantile(exact[:, 0], [0.05, 0.25, 0.5]), atol=0.006)
    assert_allclose(chains.log_density[3], log_density(chains.u[3]))
    assert 0.1 < chains.acceptance < 0.6


def test_places_of_no_density_are_never_entered():
    def log_density(u):
        return np.where(u[:, 0] > u[:, 1], np.nan, 0.0)

    rng = np.random.default_rng(3)
    starts = np.sort(latin_hypercube(300, 2, rng), axis=1)
    chains = block_chains(
        log_density, starts, [[0], [1]], rng=rng, n_chains=100, n_steps=300, n_burn=100
    )
    assert np.all(chains.u[..., 0] <= chains.u[..., 1])
    # Uniform below the diagonal: the mean is a third and two thirds.
    assert_allclose(chains.pooled.mean(axis=0), [1 / 3, 2 / 3], atol=0.015)


def test_axes_in_no_block_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(masm.InputError, match="do not cover"):
        block_chains(
            lambda u: np.zeros(len(u)), rng.random((5, 3)), [[0], [2]], rng=rng,
            n_chains=4, n_steps=1, n_burn=0,
        )  # fmt: skip


BLOCKS = [masm.Block("gpp", ["peak", "width"]), masm.Block("lai", ["width", "centre"])]


def test_the_joint_posterior_is_the_same_whatever_moves_at_a_time(twin_streams):
    twin = twin_streams
    arguments = (twin.model, twin.targets, twin.priors)
    options = {"seed": 4, "max_runs": 50, "n_draws": 150}
    joint = masm.calibrate(*arguments, **options)
    blocks = masm.calibrate(*arguments, blocks=BLOCKS, proposals="blocks", **options)
    # The same runs, and so the same emulator: only the chains differ.
    assert blocks.groups["runs"].equals(joint.groups["runs"])
    assert blocks.parameters == joint.parameters
    assert np.all(np.abs(blocks.mean - joint.mean) < 0.12 * joint.sd)
    assert_allclose(blocks.sd, joint.sd, rtol=0.1)
    # One posterior of both streams, not two steps.
    assert blocks.attrs["blocks"] == joint.attrs["blocks"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"proposals": "blocks"}, "and no blocks"),
        ({"proposals": "streams", "blocks": BLOCKS}, "'streams'"),
        (
            {"proposals": "blocks", "blocks": BLOCKS, "method": "demc"},
            "unknown option 'proposals'",
        ),
    ],
)
def test_proposals_that_cannot_be_made_are_refused(twin_streams, changes, message):
    def never(theta):
        raise AssertionError("the model ran before the input was checked")

    with pytest.raises(masm.InputError, match=message):
        masm.calibrate(
            never, twin_streams.targets, twin_streams.priors, seed=1, **changes
        )
