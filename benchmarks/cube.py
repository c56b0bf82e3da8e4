"""Measure the region cube: building, reading one pixel, memory, disk.

    python -m benchmarks.cube [--pixels 1024] [--years 20] [--workers 2]

Three things are timed, each apart. The products' round: small files in the
providers' formats become arrays of the region (regridding, calendars, units). The
shards' round: those arrays become drivers, are packed and written. Reading: one
pixel at a time, in random order. The slice is measured; what 42,000 pixels and 20
years would take is the slice times a ratio, and is printed as such.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from landdata import build_cube, open_cube
from landdata.cube.catalogue import read_catalogue
from landdata.cube.cube import FORMAT
from landdata.cube.layout import Layout, Runner, Shard, days_of
from landdata.cube.product_cache import read_observed, read_weather
from landdata.cube.product_source import ProductSource
from landdata.grid.grid import Cells, Grid
from landdata.grid.windows import window_starts
from landdata.synthetic.product_writers import (
    write_daymet,
    write_glass,
    write_gridmet,
    write_narr,
)
from landdata.variables import DRIVERS

PAPER_PIXELS, PAPER_YEARS = 42_000, 20


@dataclass(frozen=True)
class RandomSource:
    """Weather with as many digits as real weather has, made in no time."""

    n_pixels: int
    years: tuple[int, int]

    def describe(self) -> dict[str, object]:
        """JSON of the above."""
        return {"kind": "benchmark", "pixels": self.n_pixels, "years": self.years}

    def prepare(self, folder: Path, run: Runner) -> Layout:
        """Write the products' round as it would lie there: (pixel, day) arrays."""
        side = int(np.ceil(np.sqrt(self.n_pixels)))
        grid = Grid(row=900, column=2000, n_rows=side, n_columns=side)
        cells = Cells(grid.cells.ids[: self.n_pixels])
        rng = np.random.default_rng(1)
        for year in range(self.years[0], self.years[1] + 1):
            n_days = days_of((year, year)).size
            season = 10.0 * np.sin(2.0 * np.pi * np.arange(n_days) / 365.25)
            for name in DRIVERS:
                noise = rng.standard_normal((self.n_pixels, n_days), dtype=np.float32)
                content = np.round(season.astype(np.float32) + noise, 2)
                np.save(folder / f"{name}-{year}.npy", content, allow_pickle=False)
        return Layout(
            grid=grid,
            cells=cells,
            years=self.years,
            co2=np.full(days_of(self.years).size, 400.0),
            streams={"lai": "1", "gpp": "g m-2 d-1"},
            observed=window_starts(self.years),
            static={
                name: np.full(self.n_pixels, 50.0)
                for name in ("elevation", "sand", "clay", "forest_fraction")
            },
            maps={"mask": (np.ones(grid.shape, np.uint8), {})},
            attrs={"title": "benchmark", "synthetic": 1},
        )

    def shard(self, layout: Layout, folder: Path, first: int, last: int) -> Shard:
        """Gather the years of some pixels."""
        forcing = np.stack(
            [
                np.concatenate(
                    [
                        np.load(folder / f"{name}-{year}.npy", mmap_mode="r",
                                allow_pickle=False)[first:last]
                        for year in range(self.years[0], self.years[1] + 1)
                    ],
                    axis=1,
                )
                for name in DRIVERS
            ],
            axis=1,
        )  # fmt: skip
        rng = np.random.default_rng(first)
        shape = (last - first, 2, layout.observed.size)
        seen = np.round(rng.random(shape, dtype=np.float32), 2)
        filled = np.zeros((last - first, len(DRIVERS)), np.uint16)
        return Shard(forcing, filled, seen, 0.01 * seen)


def measure_shards(folder: Path, n_pixels: int, years: int, workers: int) -> dict:
    """Seconds, bytes and read latency of a cube of some pixels."""
    source = RandomSource(n_pixels, (2000, 1999 + years))
    path = folder / "cube.zarr"
    (path / "building").mkdir(parents=True)
    begun, used = time.perf_counter(), _cpu_seconds()
    source.prepare(path / "building", lambda function, items: None)
    prepared, prepared_cpu = time.perf_counter() - begun, _cpu_seconds() - used
    (path / "building" / "plan.json").write_text(
        json.dumps({"format": FORMAT, **source.describe()})
    )
    begun, used = time.perf_counter(), _cpu_seconds()
    build_cube(path, source, workers=workers)
    built = time.perf_counter() - begun - prepared  # it prepares once more
    # On a machine that others use, what a core spent says more than the clock.
    spent = _cpu_seconds() - used - prepared_cpu
    cube = open_cube(path)
    ids = np.random.default_rng(2).permutation(cube.cells.ids)[:200]
    raw, whole = [], []
    for id_ in ids:
        position = int(np.searchsorted(cube.cells.ids, id_))
        begun = time.perf_counter()
        cube._weather[position]
        raw.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        cube.pixel(int(id_))
        whole.append(time.perf_counter() - begun)
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return {
        "pixels": n_pixels,
        "years": years,
        "workers": workers,
        "seconds": built,
        "cpu_seconds": spent,
        "pixels_per_second": n_pixels / built,
        "bytes_per_pixel_year": size / n_pixels / years,
        "read_ms_median": 1e3 * float(np.median(raw)),
        "pixel_ms_median": 1e3 * float(np.median(whole)),
        "pixel_ms_p95": 1e3 * float(np.quantile(whole, 0.95)),
    }


_CATALOGUE = """\
products:
  temperature: {format: daymet, files: "daymet_*_{year}.nc", gives: [tmax]}
  wind: {format: gridmet, files: "vs_{year}.nc", gives: [wind]}
  cloud: {format: narr, files: "tcdc.{year}.nc"}
  lai: {format: glass, stream: lai, files: "*.hdf",
        variance: {rule: relative, fraction: 0.1, floor: 0.1}}
"""


def measure_products(folder: Path, cells_a_side: int) -> dict[str, float]:
    """CPU seconds to bring one year of each product onto a block of cells."""
    edge = cells_a_side / 20.0
    grid = Grid.from_bounds(-73.0, 42.0, -73.0 + edge, 42.0 + edge)
    rng = np.random.default_rng(3)

    def rough(day, lat, lon):
        shape = np.broadcast_shapes(day.shape, lat.shape, lon.shape)
        return 10.0 + np.round(rng.standard_normal(shape, dtype=np.float32), 2)

    write_daymet(folder, "tmax", 2003, grid, rough)
    write_gridmet(folder, "vs", 2003, grid, rough)
    write_narr(folder, 2003, grid, lambda *place: 2.0 * rough(*place))
    for day in window_starts((2003, 2003)):
        write_glass(folder, "lai", day, grid, lambda *place: 0.3 * rough(*place))
    (folder / "catalogue.yaml").write_text(_CATALOGUE)
    source = ProductSource(
        read_catalogue(folder / "catalogue.yaml"), grid, (2003, 2003)
    )
    seconds = {}
    for name in ("temperature", "wind", "cloud"):
        begun = _cpu_seconds()
        read_weather(source, name, 2003, grid.cells)
        seconds[name] = _cpu_seconds() - begun
    begun = _cpu_seconds()
    read_observed(source, "lai", 2003, grid.cells)
    seconds["lai"] = _cpu_seconds() - begun
    return seconds


def _cpu_seconds() -> float:
    """Of this process and of its children that have ended."""
    return sum(
        resource.getrusage(who).ru_utime + resource.getrusage(who).ru_stime
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )


def _peak_megabytes() -> float:
    """Of this process, or of the largest of its children."""
    return max(
        resource.getrusage(who).ru_maxrss / 1024.0
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pixels", type=int, default=1024)
    parser.add_argument("--years", type=int, default=20)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--side", type=int, default=40, help="cells, products' round")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        shards = measure_shards(
            Path(name), options.pixels, options.years, options.workers
        )
    peak = _peak_megabytes()
    with tempfile.TemporaryDirectory() as name:
        products = measure_products(Path(name), options.side)
    print("measured, shards' round:")
    for key, value in shards.items():
        print(f"  {key:<22}{value:12.4g}")
    print(f"  {'peak_megabytes':<22}{peak:12.0f}")
    n_cells = options.side**2
    print(f"measured, products' round, one year on {n_cells} cells:")
    for key, value in products.items():
        print(f"  {key:<22}{value:12.4g} CPU s")
    print(f"  {'peak_megabytes':<22}{_peak_megabytes():12.0f}  (writing the files too)")
    scale = PAPER_PIXELS * PAPER_YEARS / options.pixels / options.years
    print(f"extrapolated to {PAPER_PIXELS} pixels and {PAPER_YEARS} years:")
    hours = shards["cpu_seconds"] * scale / 3600.0
    print(f"  shards' round         {hours:12.2f} core-hours")
    disk = shards["bytes_per_pixel_year"] * PAPER_PIXELS * PAPER_YEARS / 1e9
    print(f"  cube on disk          {disk:12.1f} GB")
    area = PAPER_PIXELS / n_cells
    for key, value in products.items():
        hours = value * area * PAPER_YEARS / 3600.0
        print(f"  {key:<22}{hours:12.2f} core-hours (one variable)")


if __name__ == "__main__":
    main()
