"""What is handed out or written passes the CF checker of IOOS."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ibis_dalec
from jobs.run.simulation_files import save_simulation
from landdata.cube.build import build_cube
from landdata.grid.grid import Grid
from landdata.products.gridmet import read_gridmet
from landdata.synthetic.product_writers import write_gridmet
from landdata.synthetic.region import SyntheticSource

from ..conftest import plane

CHECKER = shutil.which(
    "compliance-checker", path=str(Path(sys.executable).parent)
) or shutil.which("compliance-checker")
BLOCK = Grid.from_bounds(-72.25, 42.45, -72.2, 42.55)


def check(*paths):
    """The checker's complaints about some files; its exit status is the verdict."""
    if CHECKER is None:
        pytest.skip("compliance-checker is not installed: it comes with masm[test]")
    return subprocess.run(
        [CHECKER, "--test", "cf:1.11", "--criteria", "lenient", *map(str, paths)],
        capture_output=True, text=True, timeout=300, check=False,
        # The checker's script imports a module that lies beside it.
        env={k: v for k, v in os.environ.items() if k != "PYTHONSAFEPATH"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cf")
    source = SyntheticSource(seed=1, grid=BLOCK, years=(2003, 2003), forest_only=False)
    cube = build_cube(folder / "synthetic.zarr", source)
    ids = cube.cells.ids.tolist()
    views = {
        "pixel": cube.pixel(ids[0]).forcing,
        "forcing": cube.forcing(ids),
        "observations": cube.observations(ids),
        "static": cube.static,
        "maps": cube.maps,
        "true_parameters": cube.true_parameters,
        "true_series": cube.true_series(ids),
    }
    write_gridmet(folder, "vs", 2003, BLOCK, plane(3.0))
    views["reader"] = read_gridmet(folder / "vs_2003.nc", BLOCK)
    simulated = ibis_dalec.simulate(cube.pixel(ids[0]).forcing, spinup_cycles=1)
    # The checker itself fails on a coordinate of names.
    views["model"] = simulated.drop_vars(["state", "final_state", "collapsed"])
    for name, view in views.items():
        view.to_netcdf(folder / f"{name}.nc", engine="h5netcdf")
    save_simulation(simulated, folder / "simulation.nc", "a test", {})
    return {path.stem: path for path in folder.glob("*.nc") if path.stem != "vs_2003"}


def complaints(found):
    """The lines that say what is wrong, and of which file."""
    return [
        line.strip()
        for line in found.stdout.splitlines()
        if line.strip().startswith("*") or "potential issue" in line
    ]


def test_everything_that_is_written_is_cf(files):
    assert len(files) == 10
    found = check(*files.values())
    assert complaints(found) == []
    assert found.stdout.count("All tests passed!") == len(files), found.stderr
    assert found.returncode == 0


def test_the_checker_would_have_seen_a_wrong_unit(files, tmp_path):
    import xarray as xr

    with xr.open_dataset(files["forcing"], engine="h5netcdf") as content:
        wrong = content.load()
    wrong["tmax"].attrs["units"] = "Pa"
    wrong.to_netcdf(tmp_path / "wrong.nc", engine="h5netcdf")
    found = check(tmp_path / "wrong.nc")
    assert found.returncode != 0
    assert "tmax" in found.stdout


def test_maps_carry_their_projection(files):
    import xarray as xr

    with xr.open_dataset(files["maps"], engine="h5netcdf", decode_coords="all") as maps:
        assert "crs" in maps.coords
        assert maps["crs"].attrs["grid_mapping_name"] == "latitude_longitude"
        assert np.all(np.diff(maps["lat"]) < 0.0)
