"""What the calibration benchmarks of CENTURY share: misfit, search and scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr

from benchmarks.century_domain import calibrated
from landmodels import century
from landmodels.stock_streams import period_mean, relative_error
from masm.samplers.two_phase import two_phase

#: Error rule: fraction of the value, and floor of NEP (g C m-2 month-1).
FRACTION, NEP_FLOOR = 0.3, 5.0
#: Period of the soil samples.
SOIL_YEARS = ("1980", "1985")


@dataclass(frozen=True)
class Observations:
    """Values with the cell, and for NEP the month, that they belong to.

    ``cell`` counts the cells of the forcing; ``month`` is an index of its time, or -1
    for soil carbon (kg m-2).
    """

    cell: np.ndarray
    month: np.ndarray
    value: np.ndarray

    def take(self, chosen: np.ndarray) -> Observations:
        """Some of the observations."""
        return Observations(self.cell[chosen], self.month[chosen], self.value[chosen])

    @property
    def sd(self) -> np.ndarray:
        """Standard deviations by the error rule."""
        soil = self.month < 0
        sd = np.empty(self.value.size)
        sd[soil] = relative_error(self.value[soil], fraction=FRACTION)
        sd[~soil] = relative_error(
            self.value[~soil], fraction=FRACTION, floor=NEP_FLOOR
        )
        return sd

    @property
    def sd_of_mean(self) -> np.ndarray:
        """As ``sd``, for soil with the fraction of the mean of all samples.

        The fraction of each sample's own value counts a sample more that is low by
        chance: with an error of 30 % the best fit is then a quarter too low.
        """
        soil = self.month < 0
        sd = self.sd
        if soil.any():
            sd[soil] = FRACTION * self.value[soil].mean()
        return sd


def join(*parts: Observations) -> Observations:
    """Several sets of observations as one."""
    return Observations(
        *(
            np.concatenate([getattr(p, n) for p in parts])
            for n in ("cell", "month", "value")
        )
    )


def predict(
    forcing: xr.Dataset, parameters: dict, observations: Observations, **options
) -> np.ndarray:
    """Model values of the observations, (sample, observation); soil in kg m-2."""
    cells = np.unique(observations.cell)
    part = forcing.isel(cell=cells)
    place = np.searchsorted(cells, observations.cell)
    has_soil = bool((observations.month < 0).any())
    names = ["nep", *(["soc"] if has_soil else [])]
    result = century.simulate_batch(part, parameters, outputs=names, **options)
    if "sample" not in result.dims:
        result = result.expand_dims("sample")
    nep = result["nep"].transpose("sample", "cell", "time").values
    values = nep[:, place, np.maximum(observations.month, 0)]
    if has_soil:
        soc = period_mean(result["soc"], *SOIL_YEARS) / 1000.0
        soil = observations.month < 0
        values[:, soil] = soc.transpose("sample", "cell").values[:, place[soil]]
    return values


def make_residuals(
    forcing: xr.Dataset,
    observations: Observations,
    names: list[str],
    sd: np.ndarray | None = None,
    **options,
) -> Callable[[np.ndarray], np.ndarray]:
    """Misfits in standard deviations, (n, parameter) -> (n, observation).

    NaN outside the model: PPDF(2) at or below PPDF(1), and cells without a steady
    state.
    """
    sd = observations.sd if sd is None else sd
    optimum, largest = names.index("ppdf_1"), names.index("ppdf_2")

    def residuals(theta: np.ndarray) -> np.ndarray:
        values = np.full((len(theta), sd.size), np.nan)
        inside = np.flatnonzero(theta[:, largest] > theta[:, optimum])
        if inside.size:
            chosen = dict(zip(names, theta[inside].T, strict=True))
            model = predict(forcing, chosen, observations, **options)
            values[inside] = (model - observations.value) / sd
        return values

    return residuals


def bounds() -> tuple[list[str], np.ndarray, np.ndarray]:
    """Calibrated parameters and their prior."""
    table = century.parameter_table().loc[calibrated()]
    return list(table.index), table["min"].to_numpy(), table["max"].to_numpy()


def search(
    residuals: Callable[[np.ndarray], np.ndarray], start: np.ndarray, rounds: int
) -> tuple[np.ndarray, int]:
    """Least-squares parameters within the prior, and the runs they cost.

    A Gaussian about ``start`` with the standard deviation of the uniform prior is
    added to the misfit; without it few observations pull parameters that they hardly
    inform to a bound, and withheld ones are met worse than before. Gauss-Newton steps
    with six dampings are tried at once. The Jacobian takes steps of 5 % of each prior
    range, because refused nitrogen transfers make the model jump.
    """
    _, low, high = bounds()
    width = high - low
    best, least, runs = start.copy(), np.inf, 0

    def misfits(theta: np.ndarray) -> np.ndarray:
        prior = (theta - start) / (width / np.sqrt(12.0))
        return np.hstack([residuals(theta), prior])

    for _ in range(rounds):
        step = np.where(best + 0.05 * width > high, -0.05, 0.05)
        values = misfits(np.vstack([best, best + np.diag(step * width)]))
        slopes = (values[1:] - values[0]).T / step
        slopes = np.where(np.isfinite(slopes), slopes, 0.0)
        square, slope = slopes.T @ slopes, slopes.T @ values[0]
        unit = np.eye(best.size) * np.trace(square) / best.size
        tried = np.array(
            [
                best - width * np.linalg.solve(square + damping * unit, slope)
                for damping in 10.0 ** np.arange(-3, 3)
            ]
        )
        tried = np.clip(tried, low, high)
        costs = 0.5 * (misfits(tried) ** 2).sum(axis=1)
        costs = np.where(np.isfinite(costs), costs, np.inf)
        runs += len(values) + len(tried)
        least = min(least, 0.5 * float((values[0] ** 2).sum()))
        if not costs.min() < least * (1.0 - 1e-3):
            break
        best, least = tried[np.argmin(costs)], float(costs.min())
    return best, runs


def sample(
    residuals: Callable[[np.ndarray], np.ndarray],
    start: np.ndarray,
    test_runs: int,
    formal_runs: int,
    seed: int,
):
    """The paper's two-phase sampler over the prior."""
    _, low, high = bounds()
    rng = np.random.default_rng(seed)

    def cost(theta: np.ndarray) -> np.ndarray:
        return 0.5 * (residuals(theta) ** 2).sum(axis=1)

    return two_phase(
        cost, low, high, rng, start=start, test_runs=test_runs, formal_runs=formal_runs
    )


def scores(model: np.ndarray, observed: np.ndarray) -> tuple[float, float]:
    """R2 about the mean of the observations, and mean absolute error."""
    residual = observed - model
    r2 = 1.0 - (residual**2).sum() / ((observed - observed.mean()) ** 2).sum()
    return float(r2), float(np.abs(residual).mean())
