"""One landscape and its upscaler, for all tests of the package."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from .landscape import make_landscape, train


@pytest.fixture(scope="session")
def land():
    return make_landscape(400, seed=1)


@pytest.fixture(scope="session")
def upscaler(land):
    return train(land)
