"""Localisation: covariances between far sites are tapered, and how far is chosen.

The source's factor is ``exp(-d^2 / (2 nu^2))`` (Dokoohaki et al. 2021, eq. 9). At
``d = nu`` it is 0.61 and at ``2 nu`` 0.14: nothing is zero "beyond nu". Distances are
chords of the sphere, for which it is positive definite whatever the radius.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from masm.errors import InputError
from masm.filters import _checks

Array = NDArray[np.float64]

EARTH_RADIUS_KM = 6371.0
TAPERS = ("gaussian", "gaspari_cohn")

# The half-width for which Gaspari-Cohn has the Gaussian's curvature at zero.
_HALF_WIDTH = np.sqrt(10.0 / 3.0)


def great_circle_km(latitude: ArrayLike, longitude: ArrayLike) -> Array:
    """Distances along the sphere between all pairs of sites, km, (n_sites, n_sites).

    Parameters
    ----------
    latitude, longitude : (n_sites,), degrees

    Examples
    --------
    >>> from masm.filters import great_circle_km
    >>> great_circle_km([0.0, 0.0], [0.0, 90.0]).round()
    array([[    0., 10008.],
           [10008.,     0.]])
    """
    chord = chord_km(latitude, longitude)
    half = np.minimum(chord / (2.0 * EARTH_RADIUS_KM), 1.0)
    return np.asarray(2.0 * EARTH_RADIUS_KM * np.arcsin(half))


def chord_km(latitude: ArrayLike, longitude: ArrayLike) -> Array:
    """Straight distances ``2 r sin(d / 2r)`` between all pairs of sites, km.

    Parameters
    ----------
    latitude, longitude : (n_sites,), degrees

    Returns
    -------
    ndarray, (n_sites, n_sites)

    Raises
    ------
    InputError
        Different numbers of both, or values that are no degrees.

    Examples
    --------
    >>> chord_km([0.0, 0.0], [0.0, 180.0])[0, 1]
    np.float64(12742.0)
    """
    lat = _checks.vector(latitude, "latitude")
    lon = _checks.vector(longitude, "longitude")
    if lat.shape != lon.shape:
        raise InputError("latitude and longitude", found=(lat.size, lon.size),
                         wanted="one of each for every site")  # fmt: skip
    if np.abs(lat).max() > 90.0 or np.abs(lon).max() > 360.0:
        raise InputError(
            "latitude and longitude",
            found=f"latitude to {np.abs(lat).max():g}, longitude to "
            f"{np.abs(lon).max():g}",
            wanted="degrees: latitude within 90, longitude within 360",
        )
    lat, lon = np.radians(lat), np.radians(lon)
    half_lat = np.sin(0.5 * (lat[:, None] - lat[None, :])) ** 2
    half_lon = np.sin(0.5 * (lon[:, None] - lon[None, :])) ** 2
    inside = half_lat + np.cos(lat[:, None]) * np.cos(lat[None, :]) * half_lon
    return np.asarray(2.0 * EARTH_RADIUS_KM * np.sqrt(inside))


def taper(distance: ArrayLike, radius: float, kind: str = "gaussian") -> Array:
    """Factor by which a covariance at some distance is multiplied.

    Parameters
    ----------
    distance : array_like
        Same units as ``radius``, chords for sites on the globe.
    radius : float
        The source's nu. Zero leaves no covariance between different sites, infinity
        all of it.
    kind : {"gaussian", "gaspari_cohn"}
        The latter is zero beyond 3.65 radii and has the same curvature at zero.

    Returns
    -------
    ndarray, as ``distance``

    References
    ----------
    Dokoohaki et al. (2021), eq. 9. Gaspari and Cohn (1999), Quarterly Journal of the
    Royal Meteorological Society 125, 723-757, eq. 4.10.

    Examples
    --------
    >>> taper([0.0, 500.0, 1000.0], 500.0).round(2)
    array([1.  , 0.61, 0.14])
    """
    d = _checks.numbers(distance, "distance")
    _checks.finite(d, "distance")
    if d.size and d.min() < 0.0:
        raise InputError("distance", found=d.min(), wanted="zero or more")
    _checks.choice(kind, "taper", TAPERS)
    if radius == np.inf:
        return np.ones_like(d)
    radius = _checks.number(radius, "localisation radius", least=0.0)
    if radius == 0.0:
        return np.where(d == 0.0, 1.0, 0.0)
    if kind == "gaussian":
        return np.asarray(np.exp(-0.5 * (d / radius) ** 2))
    return _gaspari_cohn(d / (_HALF_WIDTH * radius))


def _gaspari_cohn(z: Array) -> Array:
    inner = np.minimum(z, 1.0)
    near = (
        1.0 - 5.0 / 3.0 * inner**2 + 0.625 * inner**3 + 0.5 * inner**4 - 0.25 * inner**5
    )
    outer = np.clip(z, 1.0, 2.0)
    far = (
        4.0 - 5.0 * outer + 5.0 / 3.0 * outer**2 + 0.625 * outer**3
        - 0.5 * outer**4 + outer**5 / 12.0 - 2.0 / (3.0 * outer)
    )  # fmt: skip
    return np.where(z <= 1.0, near, np.where(z < 2.0, np.maximum(far, 0.0), 0.0))


def localise(
    covariance: ArrayLike,
    distance: ArrayLike,
    radius: float,
    kind: str = "gaussian",
) -> Array:
    """Taper the covariances between sites; those inside a site stay.

    Parameters
    ----------
    covariance : (p, p)
        All q states of a site are side by side.
    distance : (n_sites, n_sites)
    radius, kind
        As for `taper`.

    Returns
    -------
    ndarray, (p, p)
        It stays positive semidefinite: the taper of the sites, with a block of ones
        for each pair of them, is.

    Raises
    ------
    InputError
        A covariance or a matrix of distances that is none, or shapes that do not fit.

    Examples
    --------
    >>> localise([[2.0, 1.0], [1.0, 2.0]], [[0.0, 500.0], [500.0, 0.0]], 500.0).round(2)
    array([[2.  , 0.61],
           [0.61, 2.  ]])
    """
    between = distances_of(distance)
    p = np.atleast_2d(_checks.numbers(covariance, "covariance")).shape[0]
    q = _checks.block_size(p, len(between))
    found = _checks.covariance_of(covariance, p, "covariance")
    return found * np.kron(taper(between, radius, kind), np.ones((q, q)))


def distances_of(distance: ArrayLike) -> Array:
    """Check a matrix of distances between sites."""
    d = np.atleast_2d(_checks.numbers(distance, "distance"))
    if d.ndim != 2 or d.shape[0] != d.shape[1]:
        raise InputError(
            "distance", found=f"shape {d.shape}", wanted="(n_sites, n_sites)"
        )
    _checks.finite(d, "distance")
    top = float(d.max(initial=0.0))
    if d.min() < 0.0 or np.any(np.diag(d) != 0.0) or np.abs(d - d.T).max() > 1e-6 * top:
        raise InputError(
            "distance",
            found="values below zero, a site away from itself, or two ways that differ",
            wanted="a symmetric matrix with zeros on its diagonal",
        )
    return d


@dataclass(frozen=True)
class RadiusChoice:
    """Result of `choose_radius`.

    Attributes
    ----------
    radius : float
        The one with the least criterion, the smaller of equals.
    radii, criterion : (n_radii,)
    edges : (n_classes + 1,)
        Bounds of the distance classes.
    correlation : (n_radii, n_classes)
        Residual correlation of pairs of sites in each class; NaN without a pair.
    n_pairs : (n_classes,)
        Pairs of values behind each correlation.

    Examples
    --------
    >>> import numpy as np
    >>> from masm.filters import choose_radius
    >>> residuals = np.array([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
    >>> found = choose_radius(
    ...     [100.0], lambda radius: residuals, [[0.0, 50.0], [50.0, 0.0]]
    ... )
    >>> found.radius, found.radii
    (100.0, array([100.]))
    """

    radius: float
    radii: Array
    criterion: Array
    edges: Array
    correlation: Array
    n_pairs: Array


def residual_correlation(
    residuals: ArrayLike, distance: ArrayLike, edges: ArrayLike
) -> tuple[Array, Array]:
    """Spatial correlation of residuals by class of distance.

    Parameters
    ----------
    residuals : (time, n_sites)
        Observed less analysed, of one state; NaN where nothing was observed.
        Residuals are scaled site by site and not centred: a bias that neighbours
        fraction counts as correlation.
    distance : (n_sites, n_sites)
    edges : (n_classes + 1,)
        Classes are ``edges[k] <= d < edges[k + 1]``.

    Returns
    -------
    correlation, n_pairs : (n_classes,)
        Mean product of the two scaled residuals of a pair, and how many there were.

    Examples
    --------
    >>> from masm.filters import residual_correlation
    >>> residuals = [[1.0, 1.0], [-1.0, -1.0], [1.0, 1.0]]
    >>> distance = [[0.0, 50.0], [50.0, 0.0]]
    >>> residual_correlation(residuals, distance, [0.0, 100.0, 200.0])
    (array([ 1., nan]), array([3., 0.]))
    """
    r = _checks.numbers(residuals, "residuals")
    between = distances_of(distance)
    if r.ndim != 2 or r.shape[1] != len(between) or np.isinf(r).any():
        raise InputError(
            "residuals",
            found=f"shape {r.shape}",
            wanted=f"(time, {len(between)}), finite or NaN",
        )
    bounds = _checks.vector(edges, "edges")
    if bounds.size < 2 or np.any(np.diff(bounds) <= 0.0):
        raise InputError("edges", found=bounds, wanted="two or more, increasing")
    seen = np.isfinite(r)
    filled = np.where(seen, r, 0.0)
    mean_square = (filled**2).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    scaled = filled / np.sqrt(np.where(mean_square > 0.0, mean_square, 1.0))
    products, counts = scaled.T @ scaled, seen.T.astype(float) @ seen
    upper = np.triu_indices(len(between), 1)
    place = np.digitize(between[upper], bounds) - 1
    n = bounds.size - 1
    inside = (place >= 0) & (place < n)
    total = np.bincount(place[inside], products[upper][inside], n)
    n_pairs = np.bincount(place[inside], counts[upper][inside], n).astype(float)
    return np.where(n_pairs > 0.0, total / np.maximum(n_pairs, 1.0), np.nan), n_pairs


def choose_radius(
    radii: Sequence[float],
    residuals: Callable[[float], ArrayLike],
    distance: ArrayLike,
    *,
    edges: ArrayLike | None = None,
) -> RadiusChoice:
    """Choose the radius that leaves the least spatial correlation in the residuals.

    The criterion is the root of the mean square of the residual correlation over
    classes of distance, weighted by their pairs. The source compares numbers of
    significant autocorrelations (its appendix A), which depend on the record.

    Parameters
    ----------
    radii : sequence of float
    residuals : callable
        Radius to residuals, (time, n_sites), of a filter run with it.
    distance : (n_sites, n_sites)
    edges : (n_classes + 1,), optional
        Classes of distance; ten with about equal numbers of pairs if not given.

    Returns
    -------
    RadiusChoice

    Raises
    ------
    InputError
        No radius, or no pair of sites with residuals at the same time.

    Examples
    --------
    >>> shared = np.array([[1.0, 1.0], [-1.0, -1.0], [1.0, 1.0], [-1.0, -1.0]])
    >>> alone = np.array([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
    >>> found = choose_radius(
    ...     [0.0, 100.0],
    ...     lambda radius: alone if radius else shared,
    ...     [[0.0, 50.0], [50.0, 0.0]],
    ... )
    >>> found.radius
    100.0
    """
    tried = _checks.vector(list(radii), "radii")
    between = distances_of(distance)
    if len(between) < 2:
        raise InputError("distance", found="one site", wanted="two sites or more")
    if edges is None:
        pairs = between[np.triu_indices(len(between), 1)]
        edges = np.unique(np.quantile(pairs, np.linspace(0.0, 1.0, 11)))
        edges = np.append(edges[:-1] if edges.size > 1 else edges,
                          np.nextafter(pairs.max(), np.inf))  # fmt: skip
    bounds = _checks.vector(edges, "edges")
    found, criterion = [], []
    for radius in tried:
        correlation, n_pairs = residual_correlation(
            residuals(float(radius)), between, bounds
        )
        if not np.any(n_pairs > 0.0):
            raise InputError(
                f"no pair of sites has residuals at the same time at radius {radius:g}"
            )
        found.append(correlation)
        shown = n_pairs > 0.0
        criterion.append(
            np.sqrt(np.average(correlation[shown] ** 2, weights=n_pairs[shown]))
        )
    scores = np.array(criterion)
    best = float(tried[scores == scores.min()].min())
    return RadiusChoice(best, tried, scores, bounds, np.array(found), n_pairs)
