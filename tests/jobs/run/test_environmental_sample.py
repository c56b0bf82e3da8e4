"""Pixels of a region chosen by climate and land, by command and in a run."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from jobs.run.environmental_sample import choose_by_environment, covariates_of
from jobs.run.run import open_run, start
from landdata import Grid, build_cube, generate_weather, harvard_normals, open_cube
from landdata.cube.layout import Layout, Shard
from landdata.grid.grid import Cells
from landdata.grid.windows import window_starts
from landdata.variables import DRIVERS

GRID = Grid.from_bounds(-72.5, 42.0, -72.0, 42.5)  # 100 cells
YEARS = (2001, 2003)
NO_WEATHER = 7
N_WARM = 20  # the last rows of the grid are another climate

CONFIG = """\
name: a small region
seed: 11
pixels:
  source: region
  cube: ../cube.zarr
  sample: environmental
periods: {spinup: 2001, calibration: 2002, validation: 2003}
streams: {gpp: {variance: given}, lai: {variance: given}}
calibration:
  method: published
  blocks: [{streams: [gpp, lai], parameters: [vmax, p18]}]
"""


@dataclass(frozen=True)
class TwoClimates:
    """Two climates, each with noise from pixel to pixel."""

    def describe(self):
        return {"kind": "two climates"}

    def prepare(self, folder, run):
        n = len(GRID.cells)
        rng = np.random.default_rng(3)
        return Layout(
            grid=GRID, cells=Cells(GRID.cells.ids), years=YEARS,
            co2=np.full(3 * 365, 372.0), streams={"lai": "1", "gpp": "g m-2 d-1"},
            observed=window_starts(YEARS),
            static={"elevation": rng.normal(300.0, 20.0, n),
                    "sand": np.full(n, 60.0), "clay": np.full(n, 10.0),
                    "forest_fraction": np.full(n, 0.8)},
            maps={"mask": (np.ones(GRID.shape, np.uint8), {"long_name": "pixels"})},
            attrs={"title": "test", "synthetic": 1, "source": "made up",
                   "variance_rules": {"lai": "given"}},
        )  # fmt: skip

    def shard(self, layout, folder, first, last):
        rng = np.random.default_rng(1)
        weather = generate_weather(harvard_normals(), YEARS, rng)
        forcing = np.stack([weather[name].to_numpy() for name in DRIVERS])
        forcing = np.repeat(forcing[None], last - first, axis=0)
        n = last - first
        warm = np.arange(first, last) >= 100 - N_WARM
        shift = 0.3 * rng.normal(size=n) + 14.0 * warm
        for name in ("tmin", "tmax"):
            forcing[:, DRIVERS.index(name)] += shift[:, None]
        wetness = np.exp(0.05 * rng.normal(size=n)) * np.where(warm, 0.3, 1.0)
        forcing[:, DRIVERS.index("prec")] *= wetness[:, None]
        cloud = forcing[:, DRIVERS.index("cloud_cover")]
        forcing[:, DRIVERS.index("cloud_cover")] = np.clip(
            cloud + (0.02 * rng.normal(size=n) - 0.25 * warm)[:, None], 0.0, 1.0
        )
        forcing[NO_WEATHER - first] = np.nan
        shape = (n, 2, layout.observed.size)
        observed = np.ones(shape, "f4")
        filled = np.zeros((n, len(DRIVERS)), np.uint16)
        return Shard(forcing.astype("f4"), filled, observed, observed)


@pytest.fixture(scope="module")
def cube(tmp_path_factory):
    path = tmp_path_factory.mktemp("region") / "cube.zarr"
    build_cube(path, TwoClimates())
    return open_cube(path)


@pytest.fixture
def run_path(tmp_path, cube):
    shutil.copytree(cube.path, tmp_path / "cube.zarr")
    path = tmp_path / "run"
    path.mkdir()
    (path / "config.yaml").write_text(CONFIG)
    return path


def usable(cube):
    return np.delete(cube.cells.ids, NO_WEATHER)


def test_both_climates_are_found_and_visited_alike(cube):
    found = choose_by_environment(cube, usable(cube), 6, seed=1)
    assert list(found.choice.n_clusters.values()) == [2]
    warm = np.isin(found.ids, cube.cells.ids[-N_WARM:])
    assert warm.sum() == 3
    assert len(np.unique(found.ids)) == 6
    again = choose_by_environment(cube, usable(cube), 6, seed=1)
    np.testing.assert_array_equal(found.ids, again.ids)


def test_sites_cover_the_region_better_than_random_ones(cube):
    own, random = [], []
    for seed in range(20):
        found = choose_by_environment(cube, usable(cube), 8, seed=seed)
        own.append(found.choice.distance.mean())
        random.append(found.choice.random_distance)
    assert np.mean(own) < 0.98 * np.mean(random)


def test_a_fixed_site_is_taken_and_its_climate_counts_as_visited(cube):
    fixed = cube.cells.ids[[90]]
    found = choose_by_environment(cube, usable(cube), 1, seed=2, fixed=fixed)
    assert fixed[0] in found.ids
    other = np.setdiff1d(found.ids, fixed)
    assert other.size == 1
    assert other[0] not in cube.cells.ids[-N_WARM:]


def test_a_pixel_without_weather_has_no_environment(cube):
    _, table = covariates_of(cube)
    assert np.isnan(table[NO_WEATHER]).any()
    assert np.isfinite(np.delete(table, NO_WEATHER, axis=0)).all()


def test_a_run_takes_the_word_or_the_mapping_and_keeps_its_sample(run_path, edit):
    run = open_run(run_path)
    ids = [pixel.id for pixel in run.pixels]
    assert len(ids) == 10
    start(run)
    assert [pixel.id for pixel in open_run(run_path).pixels] == ids
    edit(run_path, "sample: environmental", "sample: {choice: environmental}")
    assert [pixel.id for pixel in open_run(run_path).pixels] == ids


def test_the_command_writes_places_that_a_run_can_take(
    run_path, masm_command, edit, tmp_path, cube
):
    towers = tmp_path / "towers.csv"
    row = 90
    towers.write_text(
        f"name,latitude,longitude\nA,{cube.cells.lat[row]},{cube.cells.lon[row]}\n"
    )
    out = tmp_path / "places.csv"
    command = ("sample", tmp_path / "cube.zarr", "--n", 5, "--fixed", towers)
    result = masm_command(*command, "--out", out)
    assert result.exit_code == 0, result.output
    table = pd.read_csv(out)
    assert list(table.columns) == [
        "id", "latitude", "longitude", "ecoregion", "cluster", "fixed"
    ]  # fmt: skip
    assert len(table) == 6
    assert list(table.loc[table["fixed"] == 1, "id"]) == [cube.cells.ids[row]]
    edit(run_path, "sample: environmental", f"sample: {{places: {out}}}")
    assert [p.id for p in open_run(run_path).pixels] == sorted(table["id"])
    assert masm_command(*command, "--out", out).exit_code == 2  # nothing overwritten


def ecoregions(path, cube, **columns):
    table = pd.DataFrame({"id": cube.cells.ids, **columns})
    table.to_csv(path, index=False)
    return path


def test_ecoregions_and_land_cover_come_from_a_table(cube, tmp_path):
    half = np.where(np.arange(100) < 50, "north", "south")
    cover = np.where(np.arange(100) % 9 == 0, "wetland", "forest")
    path = ecoregions(tmp_path / "eco.csv", cube, ecoregion=half, land_cover=cover)
    found = choose_by_environment(cube, usable(cube), 6, seed=1, ecoregions=path)
    assert set(found.choice.n_drawn) == {"north", "south"}
    assert min(found.choice.n_drawn.values()) >= 1


def test_bad_input_is_one_clear_error(run_path, masm_command, tmp_path, cube):
    region = tmp_path / "cube.zarr"

    def refused(*words):
        result = masm_command("sample", region, "--out", tmp_path / "p.csv", *words)
        assert result.exit_code == 2, result.output
        assert not (tmp_path / "p.csv").exists()
        return result.stderr

    assert "more sites than pixels" in refused("--n", 500)
    many = ecoregions(tmp_path / "many.csv", cube, ecoregion=np.arange(100).astype(str))
    assert "fewer sites than ecoregions" in refused("--n", 3, "--ecoregions", many)
    few = tmp_path / "few.csv"
    few.write_text("id,ecoregion\n1,a\n")
    assert "no row for 99 pixels" in refused("--n", 3, "--ecoregions", few)
    few.write_text("id,biome\n1,a\n")
    assert "id and ecoregion" in refused("--n", 3, "--ecoregions", few)
    (tmp_path / "t.csv").write_text("id\n5\n")
    assert "not a pixel of the region" in refused(
        "--n", 3, "--fixed", tmp_path / "t.csv"
    )
    (tmp_path / "t.csv").write_text(f"id\n{cube.cells.ids[NO_WEATHER]}\n")
    assert "cannot be used" in refused("--n", 3, "--fixed", tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("new", "said"),
    [
        ("sample: environment", "random, environmental, or a mapping"),
        ("sample: {choice: environmental, places: [5]}", "not both"),
        ("sample: {fixed: towers.csv}", "choice: environmental"),
        ("sample: {choice: enviromental}", "choice"),
    ],
)
def test_a_wrong_configuration_is_refused(run_path, masm_command, edit, new, said):
    edit(run_path, "sample: environmental", new)
    result = masm_command("calibrate", run_path)
    assert result.exit_code == 2
    assert said in result.stderr
