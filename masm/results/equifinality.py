"""Equifinality: which parameters the observations separate, and which not.

Posterior and prior are compared in units of the prior's standard deviation. Along each
principal direction of the posterior the fraction of the prior's variance that is left
says how much was learned: near zero where the observations decide, near one where they
see nothing. The fractions learned add up to the number of directions that the
observations constrain (degrees of freedom for signal; Rodgers 2000). Parameters in
the same open direction compensate each other.

References
----------
Beven, K. (2006). A manifesto for the equifinality thesis. Journal of Hydrology 320,
18-36.
Rodgers, C. D. (2000). Inverse Methods for Atmospheric Sounding. World Scientific.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from masm.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

_OPEN = 0.5
"""Share of the prior's variance from which a direction counts as open."""


@dataclass(frozen=True)
class Equifinality:
    """What a posterior leaves open.

    Attributes
    ----------
    correlation : pandas.DataFrame
        Posterior correlation of each pair of parameters.
    variance_left : pandas.Series
        Of each parameter: posterior variance over the prior's.
    directions : pandas.DataFrame
        A row for each principal direction, the best known first: ``variance_left``,
        and the weight of each parameter, in prior standard deviations (unit length).
    effective_dimension : float
        Directions that the observations constrain: the sum of ``1 - variance_left``.
    """

    correlation: pd.DataFrame
    variance_left: pd.Series
    directions: pd.DataFrame
    effective_dimension: float

    @property
    def open_directions(self) -> pd.DataFrame:
        """Directions along which more than half of the prior's variance is left."""
        return self.directions[self.directions["variance_left"] > _OPEN]

    def __repr__(self) -> str:
        n, n_open = len(self.directions), len(self.open_directions)
        return (
            f"{self.effective_dimension:.1f} of {n} directions are constrained; along "
            f"{n_open} more than half of the prior's variance is left\n"
            f"{self.directions.round(2).to_string()}"
        )


def equifinality(posterior: xr.Dataset, prior: xr.Dataset) -> Equifinality:
    """Compare draws of a posterior with draws of its prior.

    Parameters
    ----------
    posterior, prior : xarray.Dataset
        Variables over (chain, draw), those of the posterior in both.

    Raises
    ------
    InputError
        If there are no more draws than parameters, or a parameter does not vary in the
        prior or is not there.

    Examples
    --------
    >>> import xarray as xr
    >>> rng = np.random.default_rng(0)
    >>> def drawn(a, b):
    ...     dims = ("chain", "draw")
    ...     return xr.Dataset({"a": (dims, a[None]), "b": (dims, b[None])})
    >>> prior = drawn(*rng.standard_normal((2, 4000)))
    >>> x, y = rng.standard_normal((2, 4000))
    >>> found = equifinality(drawn(x, 0.1 * y - x), prior)  # a + b is well known
    >>> round(float(found.correlation.loc["a", "b"]), 1)
    -1.0
    >>> len(found.open_directions)
    1
    """
    import pandas as pd

    names = [str(name) for name in posterior.data_vars]
    if lacking := [name for name in names if name not in prior]:
        raise InputError(
            "equifinality: the prior has no draws of a parameter",
            found=", ".join(lacking),
            wanted="draws of each parameter of the posterior",
        )
    draws = np.stack([posterior[name].to_numpy().ravel() for name in names], axis=1)
    before = np.stack([prior[name].to_numpy().ravel() for name in names], axis=1)
    if len(draws) <= len(names):
        raise InputError(
            "equifinality: too few draws",
            found=f"{len(draws)} of {len(names)} parameters",
            wanted="a posterior with more draws than parameters",
        )
    sd = before.std(axis=0)
    if not np.all(sd > 0.0):
        raise InputError(
            "equifinality: a parameter that does not vary in the prior",
            found=", ".join(np.array(names)[~(sd > 0.0)]),
            wanted="draws of the prior that differ",
        )
    covariance = np.atleast_2d(np.cov((draws / sd).T))
    left, vectors = np.linalg.eigh(covariance)
    vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), range(len(sd))])
    spread = np.sqrt(np.diag(covariance))
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = covariance / np.outer(spread, spread)
    directions = pd.DataFrame(vectors.T, columns=names)
    directions.insert(0, "variance_left", left)
    return Equifinality(
        pd.DataFrame(correlation, names, names),
        pd.Series(np.diag(covariance), names, name="variance_left"),
        directions,
        float(np.sum(np.clip(1.0 - left, 0.0, 1.0))),
    )
