"""What the trees have to beat: simpler maps, on the same splits.

Default parameters, the mean of the calibrated pixels, the nearest calibrated pixel, and
a Gaussian process on location with a Matern 3/2 correlation and a nugget, which is
simple kriging with fitted parameters (Rasmussen and Williams 2006, section 2.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from upscale.types import Floats

if TYPE_CHECKING:
    from sklearn.gaussian_process.kernels import Kernel


METHODS = ("default", "region_mean", "nearest_pixel", "kriging")
_FIT_POINTS = 300  # for length scale and nugget
_KRIGING_POINTS = 1500  # for prediction; a Cholesky factor of these takes a second


def nearest(y: Floats, places: Floats, targets: Floats) -> Floats:
    """Value of the nearest place.

    Parameters
    ----------
    y : numpy.ndarray (place,)
    places, targets : numpy.ndarray (place, 3), (target, 3)
        km.
    """
    from scipy.spatial import cKDTree

    return y[cKDTree(places).query(targets)[1]]


def fit_kernel(y: Floats, places: Floats, rng: np.random.Generator) -> Kernel:
    """Length scale, variance and nugget by maximum likelihood on up to 300 places."""
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    kernel = ConstantKernel(0.5, (1e-3, 1e2)) * Matern(
        100.0, (2.0, 5000.0), nu=1.5
    ) + WhiteKernel(0.5, (1e-4, 1e1))
    chosen = rng.permutation(len(y))[:_FIT_POINTS]
    return _process(kernel).fit(places[chosen], y[chosen]).kernel_


def krige(
    y: Floats, places: Floats, targets: Floats, kernel: Any, rng: np.random.Generator
) -> Floats:
    """Mean of the Gaussian process at the targets, with the kernel as it is."""
    chosen = rng.permutation(len(y))[:_KRIGING_POINTS]
    process = _process(kernel, optimizer=None)
    return np.asarray(process.fit(places[chosen], y[chosen]).predict(targets))


def _process(kernel: Any, **options: Any) -> Any:
    from sklearn.gaussian_process import GaussianProcessRegressor

    return GaussianProcessRegressor(kernel, normalize_y=True, alpha=1e-8, **options)
