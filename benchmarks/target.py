"""A calibration problem with a known posterior, for `benchmarks.targets` to make."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Draw = Callable[[int, np.random.Generator], Array]

TRUTH_SEED = 20221
WINDOW = 8
UNITS = {"gpp": "g m-2 d-1", "lai": "1"}


@dataclass(frozen=True)
class Target:
    """A problem with a known posterior.

    Attributes
    ----------
    name : str
    priors : mapping of name to (low, high)
    cost : (n_samples, n_parameters) in the priors' units -> (n_samples,)
    exact : callable or None
        Exact posterior draws in the unit cube, unfiltered for the bounds.
    model : callable or None
        (n_samples, n_parameters) -> mapping of stream name to (n_samples, n_days).
    observed : mapping of stream name to (values, error sd), 8-day means, or None
    residuals : callable or None
        (n_samples, n_parameters) -> (n_samples, n_terms), whose squares sum to the
        cost: a series, for methods that need one.
    slow : bool
        The model takes so long that its reference is made beforehand, by
        ``python -m benchmarks.reference``.
    reference : callable or None
        Draws for a target whose posterior is not exact, such as weighted runs of its
        model; by default long chains on its cost.
    """

    name: str
    priors: dict[str, tuple[float, float]]
    cost: Callable[[Array], Array]
    exact: Draw | None = None
    model: Callable[[Array], dict[str, Array]] | None = None
    observed: dict[str, tuple[Array, float | Array]] | None = None
    residuals: Callable[[Array], Array] | None = None
    slow: bool = False
    reference: Callable[[Target], Array] | None = None

    @property
    def n_parameters(self) -> int:
        """Number of parameters."""
        return len(self.priors)

    @property
    def bounds(self) -> tuple[Array, Array]:
        """Lower and upper bounds, (n_parameters,) each."""
        low, high = np.array(list(self.priors.values())).T
        return low, high

    def physical(self, u: Array) -> Array:
        """From the unit cube to the priors' units."""
        low, high = self.bounds
        return low + u * (high - low)

    def truth(self, n: int = 100_000) -> Array:
        """Reference posterior draws, (n, n_parameters), kept in the user's cache."""
        folder = cache_folder()
        path = folder / f"{self.name}-{n}.npy"
        if path.exists():
            return np.load(path)
        if self.reference is not None:
            return self.reference(self)
        rng = np.random.default_rng(TRUTH_SEED)
        u = self._inside(n, rng) if self.exact else self._long_chains(n, rng)
        draws = self.physical(u)
        folder.mkdir(parents=True, exist_ok=True)
        aside = folder / f"{self.name}-{n}.{os.getpid()}.npy"
        np.save(aside, draws)
        os.replace(aside, path)
        return draws

    def observations(self) -> Any:
        """Observed series with their error sd, as `masm.calibrate` takes them."""
        import pandas as pd
        import xarray as xr

        if self.observed is None:
            raise TypeError(f"{self.name} has no series")
        starts = np.arange(0, 365, WINDOW)
        n_years = next(iter(self.observed.values()))[0].size // len(starts)
        days = np.concatenate([starts + 365 * year for year in range(n_years)])
        # 2001-2003 has no leap year.
        time = pd.date_range("2001-01-01", periods=365 * n_years, freq="D")[days]
        data = {}
        for name, (values, sd) in self.observed.items():
            units = {"units": UNITS[name]}
            data[name] = ("time", values, units)
            data[f"{name}_sd"] = ("time", np.zeros(values.size) + sd, units)
        return xr.Dataset(data, coords={"time": time})

    def _inside(self, n: int, rng: np.random.Generator) -> Array:
        assert self.exact is not None
        kept: list[Array] = []
        while sum(map(len, kept)) < n:
            u = self.exact(2 * n, rng)
            kept.append(u[np.all((u >= 0.0) & (u <= 1.0), axis=1)])
        return np.concatenate(kept)[:n]

    def _long_chains(self, n: int, rng: np.random.Generator) -> Array:
        from masm.samplers.ensemble import ensemble_chains
        from masm.samplers.tempering import tempered_population

        def log_density(u: Array) -> Array:
            return -0.5 * self.cost(self.physical(u))

        starts = tempered_population(
            log_density, self.n_parameters, rng=rng, n_particles=1024, n_moves=8
        )
        chains = ensemble_chains(
            log_density, starts[:200], rng=rng, n_steps=2000, n_burn=500
        )
        return chains.pooled[rng.choice(len(chains.pooled), n, replace=False)]


def cache_folder() -> Path:
    """Where reference draws are kept between runs."""
    home = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    return Path(home) / "masm-benchmarks"


def as_dataset(daily: dict[str, Array]) -> Any:
    """Model output of a carbon target as a Dataset over (sample, time)."""
    import pandas as pd
    import xarray as xr

    n_days = next(iter(daily.values())).shape[1]
    # 2001-2003 has no leap year.
    time = pd.date_range("2001-01-01", periods=n_days, freq="D")
    return xr.Dataset(
        {
            name: (("sample", "time"), values, {"units": UNITS[name]})
            for name, values in daily.items()
        },
        coords={"time": time},
    )
