"""Series whose posteriors are hard for a smooth surrogate, and what it says of them.

Two families. ``modes``: parameters that can change places, alone, in pairs, in threes
or with another one reflected, so that the posterior has several modes. ``kinks``: a
small seasonal model with thresholds of whole days, degree sums, a cold limit, a
ceiling, and a region in which it fails. Each variant draws its truth, weather and noise
anew. References are importance samples of the model itself.

    python -m benchmarks.odd_series --kinds litter bumps --variants 0 1 --seeds 1 2 \
        --csv odd.csv
    python -m benchmarks.odd_series --csv odd.csv --summary
    python -m benchmarks.odd_series --kinds ceiling --stop-at-error 0.05

For each kind: how many results, their distance from the reference, the error that they
report of themselves, how many are flagged, and the worst that is not.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from benchmarks.metrics import distance
from benchmarks.rows import Row, append, finished, read, summary
from benchmarks.targets import Array, cache_folder
from benchmarks.weighted_draws import NoReference, effective
from masm.calibrate import expected_runs, least_runs

_N_PARTICLES, _N_MOVES, _N_DRAWN = 4000, 5, 200_000
# A reference is worth so many draws, or there is none; fits of its mixture.
_LEAST_WORTH, _MOST_FITS = 10_000, 12


@dataclass(frozen=True)
class SeriesTarget:
    """A model of one series, its priors and observations.

    Attributes
    ----------
    name : str
    priors : mapping of name to (low, high)
    model : callable
        (n_samples, n_parameters) in the priors' units -> (n_samples, n_times); NaN
        where it fails.
    observed : (n_times,)
    sd : float, of the observations' errors
    """

    name: str
    priors: dict[str, tuple[float, float]]
    model: Callable[[Array], Array]
    observed: Array
    sd: float

    def physical(self, u: Array) -> Array:
        """From the unit cube to the priors' units."""
        low, high = np.array(list(self.priors.values())).T
        return low + u * (high - low)

    def log_density(self, u: Array) -> Array:
        """Log likelihood at points of the cube, (n_points,); -inf where it fails."""
        residual = (self.model(self.physical(u)) - self.observed) / self.sd
        value = -0.5 * np.sum(residual**2, axis=1)
        return np.where(np.isfinite(value), value, -np.inf)

    def truth(self) -> Array:
        """Reference draws in the priors' units, kept in the user's cache.

        A tempered population of the model itself finds the modes; their weights are
        those of importance sampling from a mixture, fitted to the population and then
        to its own draws, until they are worth enough.

        Raises
        ------
        NoReference
            If they never are.
        """
        from masm.samplers.tempering import tempered_population

        path = cache_folder() / f"odd-{self.name}-{_N_DRAWN}-{_LEAST_WORTH}.npy"
        if path.exists():
            return np.asarray(np.load(path))
        rng = np.random.default_rng(5)
        population = tempered_population(
            self.log_density,
            len(self.priors),
            rng=rng,
            n_particles=_N_PARTICLES,
            n_moves=_N_MOVES,
        )
        for _ in range(_MOST_FITS):
            u, log_weight = self._weighted(population, rng)
            worth = effective(log_weight)
            if worth >= _LEAST_WORTH:
                break
            population = u[rng.choice(len(u), 8_000, p=_flattened(log_weight))]
        else:
            raise NoReference(f"{self.name}: the reference is worth {worth:.0f} draws")
        print(f"{self.name}: reference worth {worth:.0f} draws")
        found = self.physical(u[rng.choice(len(u), 30_000, p=_normalised(log_weight))])
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, found)
        return found

    def _weighted(
        self, population: Array, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """Draws of a mixture fitted to a population, and their log weights."""
        from masm.samplers.gaussian_mixture import Mixture

        mixture = Mixture(population, rng, n_parts=24)
        kept, weights = [], []
        for _ in range(_N_DRAWN // 10_000):
            u = mixture.draw(10_000, rng)
            u = u[np.all((u >= 0.0) & (u <= 1.0), axis=1)]
            kept.append(u)
            weights.append(self.log_density(u) - mixture.log_density(u))
        return np.concatenate(kept), np.concatenate(weights)


def _normalised(log_weight: Array) -> Array:
    weight = np.exp(log_weight - log_weight.max())
    return np.asarray(weight / weight.sum())


def _flattened(log_weight: Array) -> Array:
    """Weights to the largest power at which they are worth 2,000 draws."""
    low, high = 0.0, 1.0
    for _ in range(30):
        power = 0.5 * (low + high)
        enough = effective(power * log_weight) >= 2_000.0
        low, high = (power, high) if enough else (low, power)
    return _normalised(low * log_weight)


def _rng(kind: str, variant: int) -> np.random.Generator:
    return np.random.default_rng([variant, *kind.encode()])


def _target(
    kind: str,
    variant: int,
    priors: dict[str, tuple[float, float]],
    model: Callable[[Array], Array],
    truth: Array,
    sd: float,
    rng: np.random.Generator,
) -> SeriesTarget:
    clean = model(np.asarray(truth, float)[None])[0]
    observed = clean + sd * rng.standard_normal(clean.size)
    return SeriesTarget(f"{kind}-{variant}", priors, model, observed, sd)


# -- parameters that can change places ----------------------------------------

YEARS = (np.arange(40) * 24 + 12) / 365.25


def _columns(theta: Array) -> Array:
    """Columns of the parameters, (n_parameters, n_samples, 1)."""
    return np.atleast_2d(np.asarray(theta, float)).T[:, :, None]


def litter(variant: int) -> SeriesTarget:
    """Two litter pools: the order of the rates, with the fraction reflected."""
    rng = _rng("litter", variant)

    def model(theta: Array) -> Array:
        k1, k2, w, m0 = _columns(theta)
        return m0 * (w * np.exp(-k1 * YEARS) + (1.0 - w) * np.exp(-k2 * YEARS))

    priors = {"k1": (0.02, 6.0), "k2": (0.02, 6.0), "w": (0.0, 1.0), "m0": (60, 140)}
    truth = [rng.uniform(2, 5), rng.uniform(0.1, 0.5), rng.uniform(0.3, 0.7), 100.0]
    return _target("litter", variant, priors, model, np.array(truth), 4.0, rng)


def bumps(variant: int) -> SeriesTarget:
    """Two bumps of nearly the same height: nearly exchangeable."""
    rng = _rng("bumps", variant)
    x = np.linspace(0.0, 1.0, 60)
    heights = 1.0, rng.uniform(0.9, 1.0)

    def model(theta: Array) -> Array:
        c1, c2, width, base = _columns(theta)
        one = heights[0] * np.exp(-0.5 * ((x - c1) / width) ** 2)
        return base + one + heights[1] * np.exp(-0.5 * ((x - c2) / width) ** 2)

    priors = {"c1": (0, 1), "c2": (0, 1), "width": (0.03, 0.15), "base": (-0.5, 0.5)}
    truth = [rng.uniform(0.2, 0.4), rng.uniform(0.6, 0.8), rng.uniform(0.06, 0.1), 0.0]
    return _target("bumps", variant, priors, model, np.array(truth), 0.3, rng)


def bump_pairs(variant: int) -> SeriesTarget:
    """Two bumps of unknown heights: centres and heights change places together."""
    rng = _rng("bump_pairs", variant)
    x = np.linspace(0.0, 1.0, 60)

    def model(theta: Array) -> Array:
        c1, c2, h1, h2, base = _columns(theta)
        one = h1 * np.exp(-0.5 * ((x - c1) / 0.08) ** 2)
        return base + one + h2 * np.exp(-0.5 * ((x - c2) / 0.08) ** 2)

    priors = {"c1": (0, 1), "c2": (0, 1), "h1": (0, 3), "h2": (0, 3), "base": (-1, 1)}
    centres = rng.uniform(0.2, 0.4), rng.uniform(0.6, 0.8)
    heights = rng.uniform(0.7, 1.2), rng.uniform(1.7, 2.4)
    truth = np.array([*centres, *heights, 0.0])
    return _target("bump_pairs", variant, priors, model, truth, 0.3, rng)


def three_rates(variant: int) -> SeriesTarget:
    """Three pools of the same size: six orders."""
    rng = _rng("three_rates", variant)

    def model(theta: Array) -> Array:
        k1, k2, k3, m0 = _columns(theta)
        left = np.exp(-k1 * YEARS) + np.exp(-k2 * YEARS) + np.exp(-k3 * YEARS)
        return m0 * left / 3.0

    rate = (0.02, 6.0)
    priors = {"k1": rate, "k2": rate, "k3": rate, "m0": (60.0, 140.0)}
    rates = rng.uniform([3.5, 0.8, 0.05], [5.0, 1.4, 0.15])
    return _target("three_rates", variant, priors, model, np.array([*rates, 100.0]),
                   2.0, rng)  # fmt: skip


def reflected(variant: int) -> SeriesTarget:
    """Two fractions that only enter by how far they are from a half."""
    rng = _rng("reflected", variant)
    x = np.linspace(0.0, 1.0, 40)

    def model(theta: Array) -> Array:
        a, b, slope = _columns(theta)
        return 4.0 * (a - 0.5) ** 2 * np.sin(6.0 * x) + 2.0 * a * b * x + slope * x**2

    priors = {"a": (0.0, 1.0), "b": (0.0, 1.0), "slope": (-1.0, 1.0)}
    truth = rng.uniform([0.1, 0.4, -0.3], [0.3, 0.6, 0.3])
    return _target("reflected", variant, priors, model, truth, 0.15, rng)


def near_priors(variant: int) -> SeriesTarget:
    """Two litter pools whose priors differ a little."""
    base = litter(variant + 50)
    priors = {**base.priors, "k2": (0.03, 5.5)}
    return SeriesTarget(
        f"near_priors-{variant}", priors, base.model, base.observed, base.sd
    )


# -- thresholds, ceilings and failures ----------------------------------------

_WINDOW, _N_YEARS = 8, 2
_DAY = np.arange(365) + 1.0
_LIGHT = 9.5 - 5.5 * np.cos(2.0 * np.pi * _DAY / 365.0 + 0.17)
_SEASONAL = {
    "use": (0.3, 2.0),
    "rate": (0.03, 0.3),
    "ceiling": (2.0, 8.0),
    "degrees": (100.0, 700.0),
    "cold": (0.0, 14.0),
    "end_day": (220.0, 310.0),
}
_MIDDLE = {"use": 1.0, "rate": 0.12, "ceiling": 5.0, "degrees": 300.0, "cold": 7.0,
           "end_day": 260.0}  # fmt: skip


def _weather(rng: np.random.Generator) -> Array:
    """Daily air temperature of some years, (year, 365)."""
    air = 11.0 - 13.0 * np.cos(2.0 * np.pi * _DAY / 365.0 - 0.34)
    noise = np.zeros((_N_YEARS, 365))
    for day in range(1, 365):
        noise[:, day] = 0.7 * noise[:, day - 1] + rng.standard_normal(_N_YEARS)
    return air + 2.2 * noise


@njit(cache=True)
def _seasons(theta, air, warmth, out):  # pragma: no cover - compiled
    """8-day means of GPP and of twice LAI of each year, (n, year x 2 x 46)."""
    n_windows = out.shape[2] // 2
    for k in range(theta.shape[0]):
        use, rate, ceiling, degrees, cold, end_day = theta[k]
        for year in range(air.shape[0]):
            start = np.searchsorted(warmth[year], degrees)
            fallen = False
            for day in range(365):
                late = day + 1.0 >= end_day
                fallen = fallen or (late and air[year, day] < cold)
                if not late:
                    grown = max(day - start, 0)
                lai = 0.0 if fallen else min(rate * grown, ceiling)
                gpp = use * _LIGHT[day] * (1.0 - np.exp(-0.5 * lai))
                window = day // _WINDOW
                length = min(_WINDOW, 365 - window * _WINDOW)
                out[k, year, window] += gpp / length
                out[k, year, n_windows + window] += 2.0 * lai / length


def _seasonal(
    kind: str,
    variant: int,
    names: list[str],
    sd: float,
    fails: Callable[[dict[str, Array], dict[str, float]], Array] | None = None,
    **bounds: tuple[float, float],
) -> SeriesTarget:
    """The seasonal model with some parameters unknown, the rest in the middle."""
    rng = _rng(kind, variant)
    air = _weather(rng)
    warmth = np.cumsum(np.maximum(air - 5.0, 0.0), axis=1)
    priors = {name: bounds.get(name, _SEASONAL[name]) for name in names}
    low, high = np.array(list(priors.values())).T
    truth = low + (high - low) * rng.uniform(0.3, 0.7, len(names))
    true = dict(_MIDDLE, **dict(zip(names, truth.tolist(), strict=True)))

    def model(theta: Array) -> Array:
        theta = np.atleast_2d(np.asarray(theta, float))
        p = {name: np.full(len(theta), value) for name, value in _MIDDLE.items()}
        p.update(zip(names, theta.T, strict=True))
        series = np.zeros((len(theta), _N_YEARS, 2 * 46))
        _seasons(np.stack(list(p.values()), axis=1), air, warmth, series)
        if fails is not None:
            series[fails(p, true)] = np.nan
        return series.reshape(len(theta), -1)

    return _target(kind, variant, priors, model, truth, sd, rng)


def whole_days(variant: int) -> SeriesTarget:
    """Growth ends on a whole day; two further smooth parameters."""
    return _seasonal("whole_days", variant, ["use", "rate", "end_day"], 1.2)


def degree_sum(variant: int) -> SeriesTarget:
    """Leaves start at a sum of degrees: jumps at irregular places."""
    return _seasonal("degree_sum", variant, ["use", "rate", "degrees"], 1.2)


def cold_limit(variant: int) -> SeriesTarget:
    """Leaves fall on the first cold day: jumps of many days."""
    return _seasonal("cold_limit", variant, ["use", "ceiling", "cold", "end_day"], 1.2)


def ceiling(variant: int) -> SeriesTarget:
    """A ceiling that is just reached, or not."""
    return _seasonal(
        "ceiling", variant, ["use", "rate", "ceiling", "degrees"], 1.5,
        rate=(0.02, 0.10), ceiling=(2.0, 12.0),
    )  # fmt: skip


def all_kinks(variant: int) -> SeriesTarget:
    """All six parameters."""
    return _seasonal("all_kinks", variant, list(_SEASONAL), 1.2)


def border(variant: int) -> SeriesTarget:
    """The model fails where light use and leaf area are both large, past the truth."""

    def fails(p: dict[str, Array], true: dict[str, float]) -> Array:
        return p["use"] * p["ceiling"] > 1.02 * true["use"] * true["ceiling"]

    return _seasonal("border", variant, ["use", "rate", "ceiling"], 2.0, fails)


def border_days(variant: int) -> SeriesTarget:
    """The same beside thresholds of days."""

    def fails(p: dict[str, Array], true: dict[str, float]) -> Array:
        return p["rate"] * p["ceiling"] > 1.05 * true["rate"] * true["ceiling"]

    names = ["use", "rate", "ceiling", "degrees", "end_day"]
    return _seasonal("border_days", variant, names, 1.5, fails)


MODES: dict[str, Callable[[int], SeriesTarget]] = {
    "litter": litter,
    "bumps": bumps,
    "bump_pairs": bump_pairs,
    "three_rates": three_rates,
    "reflected": reflected,
    "near_priors": near_priors,
}
KINKS: dict[str, Callable[[int], SeriesTarget]] = {
    "whole_days": whole_days,
    "degree_sum": degree_sum,
    "cold_limit": cold_limit,
    "ceiling": ceiling,
    "all_kinks": all_kinks,
    "border": border,
    "border_days": border_days,
}
KINDS = {**MODES, **KINKS}


def calibrate(target: SeriesTarget, seed: int, **options: Any) -> Any:
    """Calibrate a target by the default method with its default budget."""
    import pandas as pd
    import xarray as xr

    import masm

    times = pd.date_range("2003-01-05", periods=target.observed.size, freq="D")

    def model(theta: Any) -> xr.Dataset:
        series = target.model(np.asarray(theta))
        return xr.Dataset(
            {"y": (("sample", "time"), series, {"units": "1"})}, {"time": times}
        )

    sd = np.full(target.observed.size, target.sd)
    observed = xr.Dataset(
        {"y": ("time", target.observed, {"units": "1"}),
         "y_sd": ("time", sd, {"units": "1"})},
        {"time": times},
    )  # fmt: skip
    return masm.calibrate(
        model, observed, target.priors, seed=seed, variance="given", windows=None,
        **options,
    )  # fmt: skip


def run(kind: str, variant: int, seed: int, **options: Any) -> Row:
    """Calibrate one target and measure it.

    With ``few`` a calibration begins with so many runs a parameter, and goes on up to
    the default budget as long as its estimated error is too large.
    """
    target = KINDS[kind](variant)
    few = options.pop("few", 0)
    if few:
        d = len(target.priors)
        whole = expected_runs("emulator", [d])
        begin = min(max(few * d, least_runs("emulator", d)), whole)
        options |= {"max_runs": begin, "more_runs": whole - begin}
    start = time.process_time()
    result = calibrate(target, seed, **options)
    cpu = time.process_time() - start
    columns = [result.posterior[name].to_numpy().ravel() for name in target.priors]
    measured = distance(np.stack(columns, axis=1), target.truth())
    return Row(
        target=target.name, method=_method(options.get("stop_at_error", 0.0), few),
        seed=seed, fail=0.0,
        runs=result.n_model_runs, batches=int(result.attrs["n_batches"]),
        cpu=round(cpu, 2), mmtv=round(measured.mmtv, 4),
        largest_tv=round(measured.largest_tv, 4), gskl=round(measured.gskl, 4),
        flagged=result.status != "done", error=round(float(result.attrs["error"]), 3),
    )  # fmt: skip


def _method(stop_at_error: float, few: int) -> str:
    if few:
        return f"series, from {few} runs a parameter"
    return f"series, stop at {stop_at_error:g}" if stop_at_error else "series"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--variants", nargs="+", type=int, default=[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument(
        "--stop-at-error", type=float, default=0.0,
        help="end before the budget at this estimated error, such as 0.05",
    )  # fmt: skip
    parser.add_argument(
        "--few", type=int, default=0,
        help="begin with so many runs a parameter, such as 8, and go on where needed",
    )  # fmt: skip
    parser.add_argument("--csv", type=Path, help="keep the rows here; go on from them")
    parser.add_argument("--summary", action="store_true", help="only sum up the file")
    asked = parser.parse_args()
    if asked.summary:
        if asked.csv is None:
            parser.error("--summary sums up a file: name it with --csv")
        print(summary(read(asked.csv, Row)))
        return
    done, rows = finished(asked.csv), []
    for kind in asked.kinds:
        for variant in asked.variants:
            for seed in asked.seeds:
                method = _method(asked.stop_at_error, asked.few)
                if (f"{kind}-{variant}", method, seed, 0.0) in done:
                    continue
                early = {"stop_at_error": asked.stop_at_error, "few": asked.few}
                row = run(kind, variant, seed, **early)
                print(*(f"{k}={v}" for k, v in vars(row).items()), flush=True)
                rows.append(row)
                if asked.csv:
                    append(asked.csv, row)
    print(summary(read(asked.csv, Row) if asked.csv else rows))


if __name__ == "__main__":
    main()
