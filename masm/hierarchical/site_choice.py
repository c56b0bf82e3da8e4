"""Environmental choice of sites: clusters of climate within ecoregions.

Each ecoregion is clustered on standardised covariates with one cluster more until two
are no longer distinct. The largest distinct number is its weight; sites are shared out
by weight and drawn at random within clusters (Dokoohaki et al. 2021, section 2.4).
The source does not say when clusters are distinct. Cells of k-means never overlap on
the axis that joins two centres, so the ranges of their members cannot decide; here a
pair of centres has to be farther apart than ``1.96 (s_a + s_b)``, s the sd of their
members along that axis, or the worst cluster's silhouette has to reach a threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from masm.errors import InputError

Array = NDArray[np.float64]

CRITERIA = ("separation", "silhouette")
WITHIN = ("spread", "random")

_N_STARTS = 5


@dataclass(frozen=True)
class SiteChoice:
    """Result of `choose_sites`.

    Attributes
    ----------
    pixels : (n_sites,) of int
        Rows that were drawn, without the fixed ones.
    fixed : (n_fixed,) of int
    cluster : (n_pixels,) of int
        Cluster of each pixel, numbered over all ecoregions.
    n_clusters : dict of ecoregion to int
        Largest number of distinct clusters: the weight.
    n_drawn : dict of ecoregion to int
    distance : (n_pixels,)
        To the nearest site, fixed ones included, in the space of the covariates.
    random_distance : float
        Mean of the same for as many sites drawn at random, over the comparisons.

    Examples
    --------
    >>> import numpy as np
    >>> from masm.hierarchical import choose_sites
    >>> climate = np.random.default_rng(0).normal(size=(60, 2))
    >>> found = choose_sites(climate, ["east"] * 60, 4, seed=1)
    >>> found.pixels.size, found.n_drawn
    (4, {'east': 4})
    """

    pixels: NDArray[np.intp]
    fixed: NDArray[np.intp]
    cluster: NDArray[np.intp]
    n_clusters: dict[Any, int]
    n_drawn: dict[Any, int]
    distance: Array
    random_distance: float


def choose_sites(
    covariates: ArrayLike,
    ecoregion: ArrayLike,
    n_sites: int,
    *,
    seed: int | Sequence[int],
    land_cover: ArrayLike | None = None,
    land_cover_weight: float = 1.0,
    fixed: Sequence[int] = (),
    criterion: str = "separation",
    separation: float = 1.96,
    silhouette: float = 0.25,
    within: str = "spread",
    most_clusters: int = 20,
    n_comparisons: int = 20,
) -> SiteChoice:
    """Choose pixels that cover the environments of a region.

    Parameters
    ----------
    covariates : (n_pixels, d)
        Such as temperatures, radiation, evapotranspiration, water deficit, rain and
        snow. Each is standardised over the region.
    ecoregion : (n_pixels,)
        A label of each pixel.
    n_sites : int
        Sites to draw, beside the fixed ones.
    seed : int or sequence of int
    land_cover : (n_pixels,), optional
        Classes; columns of zeros and ones, not standardised: a rare class would rule
        the distance.
    land_cover_weight : float
        What these columns are multiplied by.
    fixed : sequence of int
        Rows that are sites already, such as towers. Their clusters count as visited.
    criterion : {"separation", "silhouette"}
    separation, silhouette : float
        Thresholds of the two. A separation of 1.645 splits uniform data without end.
    within : {"spread", "random"}
        How sites are drawn within a cluster: one at random from each of as many parts
        of it (k-means again) as it has sites, or (the source) at random from all of
        it. Where an ecoregion is one cluster the latter is a random sample.
    most_clusters : int
        Largest number of clusters of an ecoregion.
    n_comparisons : int
        Random samples that ``random_distance`` is the mean of.

    Returns
    -------
    SiteChoice

    Raises
    ------
    InputError
        Shapes that do not fit, covariates that are not finite or do not vary, fewer
        sites than ecoregions, or more than pixels.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> centres = rng.integers(0, 3, 300)
    >>> climate = 8.0 * centres[:, None] + rng.normal(size=(300, 2))
    >>> found = choose_sites(climate, ["east"] * 300, 3, seed=1)
    >>> found.n_clusters
    {'east': 3}
    """
    z, labels = _space(covariates, ecoregion, land_cover, land_cover_weight)
    regions, place = np.unique(labels, return_inverse=True)
    kept = _fixed(fixed, len(z))
    _check_counts(n_sites, len(regions), len(z) - kept.size)
    if criterion not in CRITERIA:
        raise InputError(
            "criterion", found=repr(criterion), wanted=" or ".join(CRITERIA)
        )
    if within not in WITHIN:
        raise InputError("within", found=repr(within), wanted=" or ".join(WITHIN))
    for value, what in (
        (most_clusters, "most_clusters"),
        (n_comparisons, "n_comparisons"),
    ):
        if not isinstance(value, int | np.integer) or value < 1:
            raise InputError(what, found=value, wanted="a whole number of 1 or more")
    threshold = separation if criterion == "separation" else silhouette
    rng = np.random.default_rng(seed)
    cluster = np.zeros(len(z), np.intp)
    counts, first = [], 0
    for r in range(len(regions)):
        rows = np.flatnonzero(place == r)
        found = distinct_clusters(
            z[rows], most=most_clusters, rng=rng, criterion=criterion,
            threshold=threshold,
        )  # fmt: skip
        cluster[rows] = first + found
        counts.append(int(found.max()) + 1)
        first += counts[-1]
    free = np.setdiff1d(np.arange(len(z)), kept)
    room = np.array([(place[free] == r).sum() for r in range(len(regions))])
    fractions = share_out(n_sites, np.array(counts), room)
    chosen = []
    for r in range(len(regions)):
        rows = np.flatnonzero(place == r)
        drawn = _draw(rows, cluster, kept, int(fractions[r]), rng)
        if within == "spread":
            drawn = _spread(z, drawn, rows, cluster, kept, rng)
        chosen.append(drawn)
    pixels = np.concatenate(chosen).astype(np.intp)
    random = [
        nearest(
            z, np.concatenate([kept, rng.choice(free, n_sites, replace=False)])
        ).mean()
        for _ in range(n_comparisons)
    ]
    names = [region.item() if hasattr(region, "item") else region for region in regions]
    return SiteChoice(
        pixels, kept, cluster, dict(zip(names, counts, strict=True)),
        dict(zip(names, map(int, fractions), strict=True)),
        nearest(z, np.concatenate([kept, pixels])), float(np.mean(random)),
    )  # fmt: skip


def distinct_clusters(
    z: ArrayLike,
    *,
    most: int,
    rng: np.random.Generator,
    criterion: str = "separation",
    threshold: float = 1.96,
) -> NDArray[np.intp]:
    """Clusters of points, as many as are distinct.

    Parameters
    ----------
    z : (n_points, d)
    most : int
    rng : the only source of random numbers
    criterion, threshold
        As for `choose_sites`.

    Returns
    -------
    ndarray of int, (n_points,)
        Cluster of each point; all zero where no two are distinct.
    """
    from sklearn.cluster import KMeans

    points = np.asarray(z, float)
    best = np.zeros(len(points), np.intp)
    for k in range(2, min(most, len(points) - 1) + 1):
        state = int(rng.integers(0, 2**31 - 1))
        fit = KMeans(k, n_init=_N_STARTS, random_state=state).fit(points)
        labels = np.asarray(fit.labels_, np.intp)
        if len(np.unique(labels)) < k:
            break
        if criterion == "separation":
            distinct = _are_separate(points, labels, k, threshold)
        else:
            distinct = _worst_silhouette(points, labels, k) >= threshold
        if not distinct:
            break
        best = labels
    return best


def _are_separate(
    points: Array, labels: NDArray[np.intp], k: int, factor: float
) -> bool:
    """Whether all centres are farther apart than ``factor`` times both sd."""
    centres = np.array([points[labels == c].mean(axis=0) for c in range(k)])
    for a in range(k):
        for b in range(a + 1, k):
            axis = centres[b] - centres[a]
            length = float(np.linalg.norm(axis))
            if length == 0.0:
                return False
            along = points @ (axis / length)
            spread = along[labels == a].std() + along[labels == b].std()
            if length < factor * spread:
                return False
    return True


def _worst_silhouette(points: Array, labels: NDArray[np.intp], k: int) -> float:
    from sklearn.metrics import silhouette_samples

    values = silhouette_samples(points, labels)
    return float(min(values[labels == c].mean() for c in range(k)))


def share_out(
    n: int, weights: NDArray[np.intp], room: NDArray[np.intp] | None = None
) -> NDArray[np.intp]:
    """Share ``n`` by weight: at least one each, then by largest remainder.

    Parameters
    ----------
    n : int, at least the number of weights
    weights : (n_groups,), above zero
    room : (n_groups,), optional
        Most that a group can take.

    Returns
    -------
    ndarray of int, (n_groups,)

    Examples
    --------
    >>> share_out(10, np.array([1, 2, 6]))
    array([1, 2, 7])
    """
    room = np.full(len(weights), n) if room is None else np.asarray(room)
    quota = n * weights / weights.sum()
    fractions = np.minimum(np.maximum(np.floor(quota), 1), room).astype(np.intp)
    while fractions.sum() != n:
        rest = quota - fractions
        if fractions.sum() < n:
            fractions[np.argmax(np.where(fractions < room, rest, -np.inf))] += 1
        else:
            fractions[np.argmin(np.where(fractions > 1, rest, np.inf))] -= 1
    return fractions


def nearest(z: ArrayLike, sites: NDArray[np.intp]) -> Array:
    """Distance of every point to the nearest of some of them, (n_points,)."""
    points = np.asarray(z, float)
    return np.asarray(scipy.spatial.cKDTree(points[sites]).query(points)[0])


def _space(
    covariates: ArrayLike,
    ecoregion: ArrayLike,
    land_cover: ArrayLike | None,
    weight: float,
) -> tuple[Array, NDArray[Any]]:
    x, labels = np.asarray(covariates, float), np.asarray(ecoregion)
    if x.ndim != 2 or labels.shape != (len(x),) or not x.size:
        raise InputError(
            "covariates and ecoregion",
            found=f"shapes {x.shape} and {labels.shape}",
            wanted="(n_pixels, d) and (n_pixels,)",
        )
    if not np.isfinite(x).all():
        bad = ~np.isfinite(x).all(axis=1)
        raise InputError(
            "covariates are not finite",
            found=f"{int(bad.sum())} pixel(s), the first {int(np.argmax(bad))}",
            wanted="numbers; leave out pixels without data",
        )
    spread = x.std(axis=0)
    if np.any(spread == 0.0):
        raise InputError(f"covariate {int(np.argmax(spread == 0.0))} does not vary")
    z = (x - x.mean(axis=0)) / spread
    if land_cover is not None:
        classes = np.asarray(land_cover)
        if classes.shape != labels.shape or not (np.isfinite(weight) and weight >= 0.0):
            raise InputError(
                "land cover", found=f"shape {classes.shape}, weight {weight}",
                wanted=f"{labels.shape} and a weight of zero or more",
            )  # fmt: skip
        hot = classes[:, None] == np.unique(classes)[None, :]
        z = np.column_stack([z, weight * hot])
    return z, labels


def _fixed(fixed: Sequence[int], n: int) -> NDArray[np.intp]:
    rows = np.asarray(list(fixed), float)
    if np.any((rows < 0) | (rows >= n) | (rows != np.round(rows))):
        raise InputError("fixed", found=list(fixed), wanted=f"rows from 0 to {n - 1}")
    return np.unique(rows).astype(np.intp)


def _check_counts(n_sites: int, n_regions: int, n_free: int) -> None:
    if not isinstance(n_sites, int | np.integer) or n_sites < n_regions:
        raise InputError(
            "fewer sites than ecoregions", found=n_sites,
            wanted=f"{n_regions} or more: at least one each",
        )  # fmt: skip
    if n_sites > n_free:
        raise InputError("more sites than pixels", found=n_sites, wanted=f"<= {n_free}")


def _spread(
    z: Array,
    drawn: NDArray[np.intp],
    rows: NDArray[np.intp],
    cluster: NDArray[np.intp],
    fixed: NDArray[np.intp],
    rng: np.random.Generator,
) -> NDArray[np.intp]:
    """Draw as many sites from each cluster again, each from a part of its own."""
    from sklearn.cluster import KMeans

    chosen = [np.array([], np.intp)]
    for g in np.unique(cluster[drawn]):
        members = rows[cluster[rows] == g]
        n = int((cluster[drawn] == g).sum())
        wanted = n + int(np.isin(fixed, members).sum())
        k = min(wanted, len(np.unique(z[members], axis=0)))
        parts = np.zeros(len(z), np.intp)
        if k > 1:
            state = int(rng.integers(0, 2**31 - 1))
            fit = KMeans(k, n_init=_N_STARTS, random_state=state).fit(z[members])
            parts[members] = fit.labels_
        inside = fixed[np.isin(fixed, members)]
        chosen.append(_draw(members, parts, inside, n, rng))
    return np.concatenate(chosen)


def _draw(
    rows: NDArray[np.intp],
    cluster: NDArray[np.intp],
    fixed: NDArray[np.intp],
    n: int,
    rng: np.random.Generator,
) -> NDArray[np.intp]:
    """Draw pixels of an ecoregion, each time in the cluster with fewest visits."""
    groups = np.unique(cluster[rows])
    visits = {int(g): int((cluster[fixed] == g).sum()) for g in groups}
    left = {
        int(g): list(rng.permutation(np.setdiff1d(rows[cluster[rows] == g], fixed)))
        for g in groups
    }
    order = {int(g): int(i) for i, g in enumerate(rng.permutation(groups))}
    chosen: list[int] = []
    while len(chosen) < n:
        open_ = [g for g in visits if left[g]]
        g = min(open_, key=lambda g: (visits[g], order[g]))
        chosen.append(int(left[g].pop()))
        visits[g] += 1
    return np.array(chosen, np.intp)
