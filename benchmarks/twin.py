"""The process model's own calibration problem: ten parameters, weather as the demo's.

Variant 0 has the truth of the demo's twin; others draw their weather and a truth
from the middle of the prior. Small noise (10 % of the value), so that switches of
the model that fall on whole days show in the posterior.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import xarray as xr

Array = NDArray[np.float64]

N_YEARS = 2
WINDOW = 8
SPINUP_CYCLES = 1
STREAMS = {"gpp": (0.10, 0.30), "lai": (0.10, 0.20)}
SMALL = ("alpha3", "vmax", "p14", "p17", "p18")
"""Parameters of the small problem: one year without spin-up, the others known."""
TRUTH = {
    "alpha3": 0.068,
    "theta3": 0.85,
    "beta3": 0.88,
    "vmax": 5.0e-5,
    "p5": 0.045,
    "p14": 0.35,
    "p15": 0.07,
    "p17": 330.0,
    "p18": 95.0,
    "p20": 262.0,
}


@cache
def priors() -> dict[str, tuple[float, float]]:
    """Bounds of the ten parameters, of the model's own table."""
    from ibis_dalec import parameter_table

    table = parameter_table()
    return {
        name: (float(table.loc[name, "min"]), float(table.loc[name, "max"]))
        for name in TRUTH
    }


@cache
def weather(variant: int, n_years: int = N_YEARS) -> xr.Dataset:
    """Forcing of a variant: generated from the normals of Harvard Forest."""
    from landdata import generate_weather, harvard_normals

    rng = np.random.default_rng([20221, variant])
    # 2001 and 2002 are not leap years.
    return generate_weather(harvard_normals(), (2001, 2000 + n_years), rng)


@dataclass(frozen=True)
class Twin:
    """Weather, known parameters and noisy 8-day observations made with them.

    Attributes
    ----------
    forcing : xarray.Dataset
    truth : (n_parameters,), in the order of ``names`` and the priors' units
    observed : mapping of stream name to (values, error sd), each (n_windows,)
    names : tuple of str
        Of the parameters; others of ``TRUTH`` have their value there.
    spinup_cycles : int
    """

    forcing: xr.Dataset
    truth: Array
    observed: dict[str, tuple[Array, float | Array]] = field(default_factory=dict)
    names: tuple[str, ...] = tuple(TRUTH)
    spinup_cycles: int = SPINUP_CYCLES

    @classmethod
    def of(
        cls,
        forcing: xr.Dataset,
        truth: Array,
        rng: np.random.Generator,
        names: tuple[str, ...] = tuple(TRUTH),
        spinup_cycles: int = SPINUP_CYCLES,
    ) -> Twin:
        """Make observations at a truth."""
        bare = cls(forcing, truth, {}, names, spinup_cycles)
        observed = {}
        for name, clean in bare.means(truth[None]).items():
            fraction, floor = STREAMS[name]
            sd = np.maximum(fraction * np.abs(clean[0]), floor)
            observed[name] = (clean[0] + sd * rng.standard_normal(sd.size), sd)
        return replace(bare, observed=observed)

    def daily(self, theta: Array) -> dict[str, Array]:
        """Daily streams, (n_samples, n_days) each."""
        return self._run(theta, None)

    def means(self, theta: Array) -> dict[str, Array]:
        """8-day means that restart each 1 January, (n_samples, n_windows) each."""
        window = np.arange(365) // WINDOW
        each = window[-1] + 1
        n_years = self.forcing.sizes["time"] // 365
        return self._run(
            theta, np.concatenate([window + each * year for year in range(n_years)])
        )

    def _run(self, theta: Array, window: Any) -> dict[str, Array]:
        import ibis_dalec

        theta = np.atleast_2d(np.asarray(theta, float))
        known = {n: np.full(len(theta), v) for n, v in TRUTH.items()}
        made = ibis_dalec.simulate_batch(
            self.forcing,
            {**known, **dict(zip(self.names, theta.T, strict=True))},
            spinup_cycles=self.spinup_cycles,
            outputs=tuple(STREAMS),
            window=window,
        )
        return {name: made[name].to_numpy() for name in STREAMS}

    def cost(self, theta: Array) -> Array:
        """-2 log likelihood, (n_samples,)."""
        total = np.zeros(len(theta))
        for name, means in self.means(theta).items():
            values, sd = self.observed[name]
            total += np.sum(((means - values) / sd) ** 2, axis=1)
        return total


def random_truth(rng: np.random.Generator, margin: float) -> Array:
    """Parameters uniform within the prior, but for a margin on either side."""
    low, high = np.array(list(priors().values())).T
    return np.asarray(low + (high - low) * rng.uniform(margin, 1 - margin, len(low)))


@cache
def twin(variant: int = 0) -> Twin:
    """Return a variant of the problem."""
    rng = np.random.default_rng([variant, 10])
    truth = np.array(list(TRUTH.values())) if variant == 0 else random_truth(rng, 0.2)
    return Twin.of(weather(variant), truth, rng)


@cache
def small_twin(variant: int = 0) -> Twin:
    """Return a variant with few parameters and one year, for methods of many runs."""
    rng = np.random.default_rng([variant, 5])
    at = [list(TRUTH).index(name) for name in SMALL]
    truth = np.array(list(TRUTH.values())) if variant == 0 else random_truth(rng, 0.2)
    return Twin.of(weather(variant, 1), truth[at], rng, SMALL, spinup_cycles=0)
