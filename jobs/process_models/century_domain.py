"""Adapter of monthly CENTURY on a domain of many cells, for stocks and fluxes together.

One parameter vector runs in every cell that has an observation, and the result is the
value of each observation: the mean of a stock over a period, or the NEP of a month.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.process_models.base import Parameter

if TYPE_CHECKING:
    import xarray as xr

STOCK = -1
"""Stands in the place of a month where an observation is a stock."""

KINDS = ("none", "mean", "periodic", "run")
"""How a state at the start was found; "run" is a spin-up of 4,000 years."""
_KG_PER_G = 1e-3
_MOST_LANES = 2_000
"""Lanes of a call, a parameter vector in a cell each; they bound its memory."""
SOC_DEFINITION = (
    "active, slow and passive soil carbon (litter left out), the model's 0-20 cm times "
    "the depth factor"
)
CALENDAR = "growth April to October, shoots die in October (frst 4, senm 10, last 10)"


@dataclass(frozen=True)
class Settings:
    """How the model is run in every cell.

    Attributes
    ----------
    spinup : {"equilibrium", "run"}
    co2_effect : bool
    depth_factor : float
    fixed : mapping
        Parameters that differ from the class's default and are not calibrated.
    soc_years : (int, int)
        First and last year of the mean stock.
    """

    spinup: str
    co2_effect: bool
    depth_factor: float
    fixed: Mapping[str, float]
    soc_years: tuple[int, int]


@dataclass(frozen=True)
class Targets:
    """What observations are of: a cell, and a month of the forcing or `STOCK`.

    Attributes
    ----------
    cell, month : ndarray of int (observation,)
    """

    cell: np.ndarray
    month: np.ndarray


def open_domain(source: str, file: Path | None) -> xr.Dataset:
    """Open the weather and site of a domain, whole and checked.

    Returns
    -------
    xarray.Dataset
        As `landmodels.century.validate_forcing`, with ``ecosystem`` and the
        coordinates ``cell`` and ``lon``; the attribute ``synthetic`` says "yes" or
        "no".

    Raises
    ------
    landmodels.errors.InputError
        At the first thing that cannot be used.
    """
    from landmodels import century
    from landmodels.errors import InputError

    if source == "plateau":
        made = century.plateau_forcing()
        return century.validate_forcing(made, where="synthetic plateau")
    where = str(file)
    found = _with_longitude(century.read_weather(where), where)
    for name in ("lon", "ecosystem"):
        values = found[name] if name in found.variables else None
        if values is None or values.dims != ("cell",):
            raise InputError(
                f"{where}  {name}", found=f"no {name} over cell",
                wanted="lon [degrees_east] and ecosystem (meadow or steppe) of each "
                "cell",
            )  # fmt: skip
    if found["lat"].dims != ("cell",):
        raise InputError(
            f"{where}  lat", found="one latitude", wanted="one of each cell"
        )
    lon = found["lon"].to_numpy().astype(float)
    if not np.all((lon >= -180.0) & (lon <= 180.0)):
        raise InputError(f"{where}  lon", found=f"{lon.min():g} to {lon.max():g}",
                         wanted="-180 to 180 degrees_east")  # fmt: skip
    classes = {str(c) for c in np.unique(found["ecosystem"].to_numpy().astype(str))}
    if not classes <= {"meadow", "steppe"}:
        raise InputError(f"{where}  ecosystem", found=", ".join(sorted(classes)),
                         wanted="meadow or steppe in each cell")  # fmt: skip
    synthetic = str(found.attrs.get("synthetic", "no"))
    return found.assign_coords(cell=np.arange(found.sizes["cell"])).assign_attrs(
        synthetic=synthetic
    )


def weather_doubts(forcing: xr.Dataset) -> list[str]:
    """Return what is unlikely of a domain's weather, though not impossible."""
    from landmodels.century import unlikely_months

    return list(unlikely_months(forcing))


def _with_longitude(found: xr.Dataset, where: str) -> xr.Dataset:
    """Take the longitude from the file where it is a variable and no coordinate."""
    import xarray as xr

    if "lon" in found.coords or not where.endswith((".nc", ".nc4", ".cdf")):
        return found
    with xr.open_dataset(where) as opened:
        if "lon" in opened and opened["lon"].dims == ("cell",):
            return found.assign_coords(lon=("cell", opened["lon"].to_numpy()))
    return found


def calibrated_parameters(ecosystem: str) -> dict[str, Parameter]:
    """The 24 parameters of Zhao et al. (2022), with the default of a class."""
    return {
        name: parameter
        for name, parameter in every_parameter(ecosystem).items()
        if _table().loc[name, "calibrated"] == "yes"
    }


def every_parameter(ecosystem: str) -> dict[str, Parameter]:
    """Every parameter of the table, with the default of a class."""
    column = "default" if ecosystem == "meadow" else "default_steppe"
    return {
        str(name): Parameter(
            float(row[column]), float(row["min"]), float(row["max"]),
            "1" if row["unit"] in ("", "-") else str(row["unit"]),
            str(row["description"]),
        )
        for name, row in _table().iterrows()
    }  # fmt: skip


def published_name(name: str) -> str:
    """Return the name of a parameter as CENTURY and the paper write it."""
    return str(_table().loc[name, "name"])


def check_parameters(
    forcing: xr.Dataset, ecosystem: str, given: Mapping[str, float]
) -> None:
    """Refuse parameter values that the model cannot run with; nothing runs.

    Raises
    ------
    landmodels.errors.InputError
        Naming the parameter: PPDF(2) at or below PPDF(1), PPRPTS(3) at or below the
        water-capacity term, or a value outside its bounds.
    """
    from landmodels import century

    century.check_parameters(forcing, dict(given), ecosystem=ecosystem)


def observed_values(
    forcing: xr.Dataset,
    targets: Targets,
    parameters: Mapping[str, Any],
    settings: Settings,
) -> np.ndarray:
    """Model values of observations; `Observer` for one call after another.

    Parameters
    ----------
    forcing : xarray.Dataset
        The whole domain.
    targets : Targets
    parameters : mapping
        Id to values (sample,).
    settings : Settings

    Returns
    -------
    ndarray (sample, observation)
        As of `Observer`.
    """
    return Observer(forcing, targets, settings)(parameters)


class Observer:
    """Model values of observations, with the weather opened once for many calls.

    Parameters
    ----------
    forcing : xarray.Dataset
        The whole domain.
    targets : Targets
    settings : Settings
    """

    def __init__(self, forcing: xr.Dataset, targets: Targets, settings: Settings):
        cells = np.unique(targets.cell)
        self._model = _Cells(forcing.isel(cell=cells), settings)
        self._place = np.searchsorted(cells, targets.cell)
        self._month, self._n_cells = targets.month, len(cells)

    def __call__(self, parameters: Mapping[str, Any]) -> np.ndarray:
        """Simulate parameters, id to values (sample,).

        Returns
        -------
        ndarray (sample, observation)
            Stocks in kg m-2, fluxes in g m-2 month-1; NaN for a sample that is
            outside the model, and in cells without a steady state.
        """
        given = {name: np.atleast_1d(np.asarray(v, float)) for name, v in
                 parameters.items()}  # fmt: skip
        n = max((len(v) for v in given.values()), default=1)
        vectors = {name: np.broadcast_to(v, n) for name, v in given.items()}
        values = np.full((n, self._month.size), np.nan)
        for some in _groups(n, self._n_cells):
            for sample, row in self._some(vectors, some):
                values[sample] = row
        return values

    def _some(self, vectors, samples):
        """Pairs of sample and values; samples against themselves are left out."""
        from landmodels.errors import InputError

        try:
            nep, soc = self._model({k: v[samples] for k, v in vectors.items()})
        except InputError:
            if samples.size == 1:
                return []  # outside the model
            halves = np.array_split(samples, 2)
            return [pair for half in halves for pair in self._some(vectors, half)]
        values = nep[:, self._place, np.maximum(self._month, 0)]
        values = np.where(self._month == STOCK, soc[:, self._place], values)
        return list(zip(samples, values, strict=True))


def _groups(n_samples: int, n_cells: int) -> list[np.ndarray]:
    """Samples that run in one call: no more than `_MOST_LANES` lanes, or one."""
    size = max(1, _MOST_LANES // n_cells)
    return [np.arange(k, min(k + size, n_samples)) for k in range(0, n_samples, size)]


class _Cells:
    """NEP of months and mean stocks of some cells."""

    def __init__(self, part: xr.Dataset, settings: Settings):
        from landmodels import century

        self._model = century.Simulator(part, **_options(settings))
        self._fixed, self._years = settings.fixed, settings.soc_years
        self._time = part["time"]

    def __call__(
        self, vectors: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """NEP (sample, cell, month) and mean stock (sample, cell) in kg m-2."""
        found = self._model({**self._fixed, **vectors})
        return found["nep"], _mean_stock(found["soc"], self._time, self._years)


def predicted_means(
    forcing: xr.Dataset,
    cells: np.ndarray | Sequence[int],
    parameters: Mapping[str, np.ndarray | Sequence[float]],
    settings: Settings,
    nep_years: tuple[int, int],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean stock and mean annual NEP of cells with each parameter vector.

    Returns
    -------
    soc : ndarray (sample, cell)
        kg m-2, mean of ``settings.soc_years``.
    nep : ndarray (sample, cell)
        g m-2 yr-1, mean of ``nep_years``.
    kind : ndarray of int8 (sample, cell)
        Index in `KINDS` of how the steady state was found; ``run`` without one.
    """
    import xarray as xr

    part = forcing.isel(cell=list(cells))
    n = len(next(iter(parameters.values())))
    soc, nep = (np.full((n, len(cells)), np.nan) for _ in range(2))
    kind = np.full((n, len(cells)), KINDS.index("run"), "int8")
    years = xr.DataArray(part["time"].dt.year)
    inside = ((years >= nep_years[0]) & (years <= nep_years[1])).values
    vectors = {name: np.asarray(v, float) for name, v in parameters.items()}
    for some in _groups(n, len(cells)):
        found = _simulate(part, {k: v[some] for k, v in vectors.items()}, settings)
        series = found["soc"].transpose("sample", "cell", "time").values
        soc[some] = _mean_stock(series, part["time"], settings.soc_years)
        months = found["nep"].transpose("sample", "cell", "time").values[..., inside]
        # Rows side by side: numpy then adds each alike, however many there are.
        nep[some] = np.ascontiguousarray(months).mean(axis=-1) * 12.0
        if "spinup_kind" in found:
            words = found["spinup_kind"].transpose("sample", "cell").values
            kind[some] = [[KINDS.index(str(word)) for word in row] for row in words]
    return soc, nep, kind


def month_index(forcing: xr.Dataset, year: Any, month: Any) -> np.ndarray:
    """Place of calendar months in the forcing, or -9 for those outside of it."""
    first = forcing["time"].values[0].astype("datetime64[M]").astype(int)
    at = (np.asarray(year) - 1970) * 12 + np.asarray(month) - 1 - first
    return np.where((at >= 0) & (at < forcing.sizes["time"]), at, -9)


def _simulate(
    part: xr.Dataset, vectors: Mapping[str, np.ndarray], settings: Settings
) -> Any:
    from landmodels import century

    return century.simulate_batch(
        part, {**settings.fixed, **vectors}, **_options(settings)
    )


def _options(settings: Settings) -> dict[str, Any]:
    """How the model is asked to run."""
    return {
        "spinup": settings.spinup,
        "co2_effect": settings.co2_effect,
        "depth_factor": settings.depth_factor,
        "outputs": ["nep", "soc"],
    }


def _mean_stock(soc: np.ndarray, time: Any, years: tuple[int, int]) -> np.ndarray:
    import xarray as xr

    from landmodels.stock_streams import period_mean

    first, last = years
    series = xr.DataArray(
        soc, dims=("sample", "cell", "time"), coords={"time": time.variable}
    )
    mean = period_mean(series, str(first), str(last))
    return np.asarray(mean.values, float) * _KG_PER_G


def relative_error(values: np.ndarray, fraction: float, floor: float) -> np.ndarray:
    """Standard deviations by the error rule; see `landmodels.stock_streams`."""
    from landmodels.stock_streams import relative_error as rule

    return np.asarray(rule(values, fraction=fraction, floor=floor), float)


def profile_density(profile: Mapping[str, Any], depth: float) -> float:
    """Carbon density (kg m-2) of horizons; see `landmodels.soil_profiles`."""
    from landmodels.soil_profiles import profile_carbon_density

    return profile_carbon_density(profile, depth=depth)


def warm_up() -> None:
    """Compile the model into its cache."""
    from landmodels import century

    century.warm_up()


def _table() -> Any:
    from landmodels.century import parameter_table

    return parameter_table()
