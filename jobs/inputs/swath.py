"""The synthetic region of a swath run: cells, footprints, truth and observations.

Everything is made: weather from monthly normals, fractions of vegetation types and
overpasses at random, observations by the model at a drawn truth, with noise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.config.swath import CellsShape, EllipseShape, SwathConfig
from jobs.errors import ConfigError, Problem
from jobs.process_models.base import Settings
from jobs.process_models.registry import open_model
from jobs.run.seeds import RunStream, run_generator

if TYPE_CHECKING:
    import xarray as xr

    from jobs.process_models.dalec_bethy_region import (
        Cell,
        Grid,
        Observations,
        Overpass,
    )
    from jobs.process_models.dalec_bethy_region import Problem as Assimilation

SYNTHETIC = "synthetic weather, truth and observations"
_KM_PER_DEGREE = 111.2
_LAPSE = -0.9  # K for a degree of latitude
_FARTHEST = 3.0  # sd of the truth


@dataclass(frozen=True)
class SwathTwin:
    """A synthetic region with what is seen of it.

    Attributes
    ----------
    cells : list of Cell
    grid : Grid
    observations : Observations
        With noise.
    clean : ndarray (observation,)
        Without noise.
    truth : ndarray (control,)
        In prior standard deviations.
    n_outside : int
        Footprints that the grid covers by less than a half; they are left out.
    threads : int
    """

    cells: list[Cell]
    grid: Grid
    observations: Observations
    clean: Any
    truth: Any
    n_outside: int
    threads: int

    def problem(self, without: str | None = None) -> Assimilation:
        """Return the assimilation of all streams, or of all but one.

        Its control vector is that of all streams, so that results can be compared.
        """
        from jobs.process_models.dalec_bethy_region import region_problem

        seen = self.observations
        if without is not None:
            seen = seen.without(without)
        return region_problem(
            self.cells, seen, threads=self.threads, operators=self._operators
        )

    @property
    def _operators(self) -> Any:
        from jobs.process_models.dalec_bethy_region import default_operators

        known = default_operators()
        return {name: known[name] for name in self.observations.streams}


def make_twin(config: SwathConfig) -> SwathTwin:
    """Make the region of a swath run; always the same for a configuration.

    Raises
    ------
    ConfigError
        If a vegetation type is unknown, or no footprint is covered by the grid.
    """
    from jobs.process_models.dalec_bethy_region import (
        region_observations,
        vegetation_types,
    )

    for kind in config.swath.grid.vegetation:
        if kind not in vegetation_types():
            raise ConfigError(
                Problem(
                    "config.yaml",
                    "swath.grid.vegetation",
                    found=f'"{kind}"',
                    wanted=f"types among {', '.join(vegetation_types())}",
                )
            )
    cells, grid = _cells(config)
    threads = config.execution.workers
    passes = _overpasses(config, grid, cells[0].drivers.n_days)
    looks, n_outside = region_observations(passes, grid, skip_outside=True)
    if not looks.n:
        raise ConfigError(
            Problem(
                "config.yaml",
                "swath.streams",
                found=f"{n_outside} footprints, all of them outside the grid",
                wanted="footprints of which the grid covers a half or more",
                hint="Take more rows and columns, or smaller footprints.",
            )
        )
    blind = SwathTwin(cells, grid, looks, None, None, n_outside, threads)
    problem = blind.problem()
    rng = run_generator(config.seed, RunStream.SWATH_TRUTH)
    truth = config.swath.truth_spread * rng.standard_normal(problem.n)
    truth = np.clip(truth, -_FARTHEST, _FARTHEST)
    clean = problem.observe(truth)
    if not np.isfinite(clean).all():
        raise ConfigError(
            Problem(
                "config.yaml",
                "swath.truth_spread",
                found="a truth at which the model's output is not finite",
                wanted="another seed, or a smaller spread",
            )
        )
    streams = [config.swath.streams[str(name)] for name in looks.stream]
    floor = np.array([one.floor for one in streams])
    relative = np.array([one.fraction for one in streams])
    variance = floor**2 + (relative * clean) ** 2
    value = clean + np.sqrt(variance) * rng.standard_normal(clean.size)
    observed = replace(looks, value=value, variance=variance)
    return replace(blind, observations=observed, clean=clean, truth=truth)


def _cells(config: SwathConfig) -> tuple[list[Cell], Grid]:
    """Cells with weather of their own, colder polewards, and fractions of types."""
    from jobs.process_models.dalec_bethy_region import Cell, Grid, drivers_of
    from landdata import generate_weather, harvard_normals

    here = config.swath.grid
    rows = (np.arange(here.rows) - 0.5 * (here.rows - 1)) * here.spacing
    columns = (np.arange(here.columns) - 0.5 * (here.columns - 1)) * here.spacing
    lon, lat = (
        part.ravel()
        for part in np.meshgrid(here.longitude + columns, here.latitude + rows)
    )
    lon = (lon + 180.0) % 360.0 - 180.0
    rng = run_generator(config.seed, RunStream.SWATH_CELLS)
    normals = replace(harvard_normals(), lat=here.latitude)
    base = generate_weather(normals, (here.years.first, here.years.last), rng)
    model = open_model("dalec_bethy", Settings(0, {"elevation": here.elevation}))
    cells = []
    for k in range(lon.size):
        away = abs(lat[k]) - abs(here.latitude)
        shift = _LAPSE * away + 0.3 * rng.standard_normal()
        forcing = model.drivers(_shifted(base, shift, float(lat[k])), f"cell {k}")
        drawn = rng.dirichlet(np.full(len(here.vegetation), 3.0))
        drawn = np.maximum(drawn, 0.02)
        fractions = dict(zip(here.vegetation, drawn / drawn.sum(), strict=True))
        cells.append(Cell(drivers_of(forcing), fractions))
    return cells, Grid(lon, lat, here.spacing)


def _shifted(weather: xr.Dataset, shift: float, latitude: float) -> xr.Dataset:
    made = weather.copy()
    for name in ("tmin", "tmax"):
        made[name] = (weather[name] + shift).assign_attrs(weather[name].attrs)
    lat = weather["lat"]
    made["lat"] = lat.copy(data=np.full(lat.shape, latitude)).assign_attrs(lat.attrs)
    return made


def _overpasses(config: SwathConfig, grid: Grid, n_days: int) -> list[Overpass]:
    """Overpasses without values, whose footprints lie about the grid."""
    from jobs.process_models.dalec_bethy_region import Overpass

    rng = run_generator(config.seed, RunStream.SWATH_PASSES)
    first = 365 * config.swath.grid.spinup_years
    found = []
    for name, stream in config.swath.streams.items():
        # A local day may be the one before or after that of UTC.
        for day in range(first, n_days - 1, stream.every_days):
            for _ in range(stream.per_pass):
                shape = _footprint(stream.footprint, grid, rng, config.swath.grid)
                time = day + stream.utc / 24.0
                found.append(Overpass(name, shape, time, 0.0, 1.0))
    return found


def _footprint(shape: Any, grid: Grid, rng: np.random.Generator, here: Any) -> Any:
    """A footprint about a random place in the grid."""
    from jobs.process_models.dalec_bethy_region import CellSet, Ellipse, Polygon

    cell = int(rng.integers(grid.longitude.size))
    if isinstance(shape, CellsShape):
        size_r, size_c = min(shape.size, here.rows), min(shape.size, here.columns)
        row = min(cell // here.columns, here.rows - size_r)
        column = min(cell % here.columns, here.columns - size_c)
        return CellSet(
            tuple(
                (row + i) * here.columns + column + j
                for i in range(size_r)
                for j in range(size_c)
            )
        )
    east, north = (rng.random(2) - 0.5) * here.spacing
    lon, lat = float(grid.longitude[cell] + east), float(grid.latitude[cell] + north)
    angle = float(rng.uniform(0.0, 180.0))
    if isinstance(shape, EllipseShape):
        return Ellipse(
            lon, lat, shape.semi_major_km, shape.semi_minor_km, angle,
            shape.half_power_km,
        )  # fmt: skip
    turn = np.deg2rad(angle)
    corners = np.array([(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)])
    corners *= 0.5 * np.array([shape.length_km, shape.width_km])
    x = corners[:, 0] * np.cos(turn) - corners[:, 1] * np.sin(turn)
    y = corners[:, 0] * np.sin(turn) + corners[:, 1] * np.cos(turn)
    width = _KM_PER_DEGREE * np.cos(np.deg2rad(lat))
    return Polygon(tuple(lon + x / width), tuple(lat + y / _KM_PER_DEGREE))
