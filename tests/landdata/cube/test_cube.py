"""The region cube: whole, resumable, checksummed, one chunk a pixel, no larger."""

import json
import shutil
import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest
import xarray as xr
import zarr

from ibis_dalec import validate_forcing
from landdata.cube.build import build_cube
from landdata.cube.cube import open_cube
from landdata.cube.layout import Layout, Shard
from landdata.errors import InputError
from landdata.grid.grid import Cells, Grid
from landdata.variables import DRIVERS

GRID = Grid.from_bounds(-73.0, 42.0, -71.5, 43.0)  # 600 cells: three shards
YEARS = (2003, 2003)
MIDDLES = (-2.0, 9.0, 4.0, 3.0, 0.006, 98000.0, 0.5)
SPREADS = (0.5, 0.5, 0.4, 0.3, 0.0003, 100.0, 0.05)


class Interrupted(Exception):
    pass


@dataclass(frozen=True)
class ArraySource:
    """Numbers that tell which pixel, day and driver they are of."""

    seed: int = 1
    stop_at: int = -1

    def describe(self):
        return {"kind": "test", "seed": self.seed}

    def prepare(self, folder, run):
        cells = Cells(GRID.cells.ids[::1])
        n = len(cells)
        return Layout(
            grid=GRID,
            cells=cells,
            years=YEARS,
            co2=np.full(365, 375.7),
            streams={"lai": "1", "gpp": "g m-2 d-1"},
            observed=np.datetime64("2003-01-01") + 8 * np.arange(46),
            static={
                "elevation": np.linspace(0.0, 900.0, n),
                "sand": np.full(n, 60.0),
                "clay": np.full(n, 10.0),
                "forest_fraction": np.linspace(0.5, 1.0, n),
            },
            maps={"mask": (np.ones(GRID.shape, np.uint8), {"long_name": "pixels"})},
            attrs={"title": "test", "synthetic": 1, "source": "made up",
                   "variance_rules": {"lai": "given"}},
        )  # fmt: skip

    def shard(self, layout, folder, first, last):
        if first // 256 == self.stop_at:
            raise Interrupted
        forcing, observations = [], []
        for pixel in range(first, last):
            rng = np.random.default_rng([self.seed, pixel])
            noise = rng.random((len(DRIVERS), 365))
            forcing.append(
                np.array(MIDDLES)[:, None] + np.array(SPREADS)[:, None] * noise
            )
            observations.append(rng.random((2, 46)))
        forcing = np.array(forcing, dtype=np.float32)
        observations = np.array(observations, dtype=np.float32)
        for pixel, array in ((3, forcing), (5, observations)):
            if first <= pixel < last:
                array[pixel - first] = np.nan
        filled = np.zeros((last - first, len(DRIVERS)), np.uint16)
        return Shard(forcing, filled, observations, 0.1 * observations)


@pytest.fixture(scope="module")
def cube(tmp_path_factory):
    return build_cube(tmp_path_factory.mktemp("cubes") / "c.zarr", ArraySource())


def sums(path):
    return json.loads((path / "checksums.json").read_text())


@pytest.mark.parametrize("position", [0, 255, 256, 599])
def test_a_pixel_comes_back_as_it_was_written(cube, position):
    source = ArraySource()
    layout = source.prepare(None, None)
    wanted = source.shard(layout, None, position, position + 1)
    pixel = cube.pixel(int(cube.cells.ids[position]))
    for index, name in enumerate(DRIVERS):
        np.testing.assert_array_equal(pixel.forcing[name], wanted.forcing[0, index])
    np.testing.assert_array_equal(
        pixel.observations["gpp"].values.astype("f4"), wanted.observations[0, 1]
    )
    np.testing.assert_array_equal(
        pixel.observations["lai_variance"].values.astype("f4"), wanted.variances[0, 0]
    )
    assert pixel.observations["gpp_variance"].attrs["units"] == "g2 m-4 d-2"
    assert pixel.elevation == pytest.approx(layout.static["elevation"][position])
    assert pixel.area == pytest.approx(float(cube.cells.area[position]))
    assert pixel.state == "ok"


def test_a_pixel_is_ready_for_the_model(cube):
    forcing = cube.pixel(int(cube.cells.ids[77])).forcing
    clean = validate_forcing(forcing)
    assert clean.sizes["time"] == 365
    assert float(clean["lat"]) == pytest.approx(cube.cells.lat[77])
    assert forcing.attrs["synthetic"] == 1


def test_many_pixels_at_once_are_the_same_as_one_by_one(cube):
    ids = [int(cube.cells.ids[i]) for i in (7, 300, 8)]
    together = cube.forcing(ids)
    for position, id_ in enumerate(ids):
        xr.testing.assert_identical(
            together.isel(pixel=position, drop=True), cube.pixel(id_).forcing
        )


def test_pixels_to_skip_say_why(cube):
    states = [cube.pixel(int(cube.cells.ids[i])).state for i in (3, 5, 6)]
    assert states == ["no_forcing", "no_observations", "ok"]


def test_each_pixel_is_one_chunk_and_each_shard_one_file(cube):
    import zarr

    array = zarr.open_group(cube.path, mode="r")["forcing"]
    assert array.chunks == (1, len(DRIVERS), 365)
    assert array.shards == (256, len(DRIVERS), 365)
    files = list((cube.path / "forcing" / "c").rglob("*"))
    assert sum(file.is_file() for file in files) == 3


def test_workers_do_not_change_a_byte(cube, tmp_path):
    other = build_cube(tmp_path / "c.zarr", ArraySource(), workers=2)
    assert sums(other.path) == sums(cube.path)


def test_a_build_that_was_killed_goes_on_to_the_same_cube(cube, tmp_path):
    path = tmp_path / "c.zarr"
    with pytest.raises(Interrupted):
        build_cube(path, ArraySource(stop_at=2))
    with pytest.raises(InputError, match="2 shards done"):
        open_cube(path)
    first = path / "forcing" / "c" / "0" / "0" / "0"
    written = first.stat().st_mtime_ns
    build_cube(path, ArraySource())
    assert first.stat().st_mtime_ns == written  # not made again
    assert sums(path) == sums(cube.path)


def test_a_shard_that_was_half_written_is_written_again(cube, tmp_path):
    path = tmp_path / "c.zarr"
    with pytest.raises(Interrupted):
        build_cube(path, ArraySource(stop_at=2))
    (path / "building" / "shards" / "00001.json").unlink()
    shard = path / "forcing" / "c" / "1" / "0" / "0"
    shard.write_bytes(shard.read_bytes()[:1000])
    build_cube(path, ArraySource())
    assert sums(path) == sums(cube.path)


def test_another_plan_is_refused_by_name(cube, tmp_path):
    with pytest.raises(InputError, match="seed"):
        build_cube(cube.path, ArraySource(seed=2))
    path = tmp_path / "c.zarr"
    with pytest.raises(Interrupted):
        build_cube(path, ArraySource(stop_at=0))
    with pytest.raises(InputError, match="seed"):
        build_cube(path, ArraySource(seed=2))


def test_a_finished_cube_is_not_built_again(cube):
    again = build_cube(cube.path, ArraySource(stop_at=0))
    assert len(again) == 600


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.docx").write_text("precious")
    with pytest.raises(InputError, match="other things"):
        build_cube(tmp_path, ArraySource())
    assert (tmp_path / "thesis.docx").read_text() == "precious"


def test_every_flipped_byte_of_a_shard_is_found(cube, tmp_path):
    """Where a pixel is read, by its own checksum; anywhere, by verify."""
    import shutil

    path = tmp_path / "c.zarr"
    shutil.copytree(cube.path, path)
    shard = path / "forcing" / "c" / "0" / "0" / "0"
    whole = bytearray(shard.read_bytes())
    rng = np.random.default_rng(4)
    good = cube.forcing(cube.cells.ids[:20].tolist())
    damaged = open_cube(path)
    for position in rng.integers(len(whole), size=25):
        broken = whole.copy()
        broken[position] ^= 0x40
        shard.write_bytes(broken)
        for index in range(20):
            try:
                found = damaged.forcing([int(cube.cells.ids[index])])
            except InputError as error:
                assert "forcing" in str(error)  # noqa: PT017
            else:
                xr.testing.assert_identical(found.isel(pixel=0), good.isel(pixel=index))
        with pytest.raises(InputError, match="forcing"):
            damaged.verify()
    shard.write_bytes(whole)
    damaged.verify()


def test_files_that_are_missing_or_too_many_are_found(cube, tmp_path):
    import shutil

    path = tmp_path / "c.zarr"
    shutil.copytree(cube.path, path)
    (path / "note.txt").write_text("hello")
    with pytest.raises(InputError, match=r"note\.txt"):
        open_cube(path, verify=True)
    (path / "note.txt").unlink()
    (path / "sand" / "c" / "0").unlink()
    with pytest.raises(InputError, match="sand"):
        open_cube(path, verify=True)


def test_what_is_no_cube_is_refused(cube, tmp_path):
    with pytest.raises(InputError, match="no cube"):
        open_cube(tmp_path)
    with pytest.raises(InputError, match="no such pixel"):
        cube.pixel(12)


def _as_format_1(cube, path, kind):
    """Copy a cube and label it as an earlier version did."""
    shutil.copytree(cube.path, path)
    file = path / "zarr.json"
    content = json.loads(file.read_text())
    content["attributes"]["region_cube_format"] = 1
    content["attributes"]["plan"] = {"kind": kind}
    file.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        ("products", "masm region build"),
        ("SYNTHETIC region: generated, not observed", "masm region synthetic"),
    ],
)
def test_a_cube_of_an_earlier_version_says_how_to_build_it_anew(
    cube, tmp_path, kind, command
):
    old = _as_format_1(cube, tmp_path / "old.zarr", kind)
    for use in (lambda: open_cube(old), lambda: build_cube(old, ArraySource())):
        with pytest.raises(InputError) as caught:
            use()
        text = str(caught.value)
        assert text.startswith(f"{old}  region_cube_format")
        for part in ("found   format 1", "drivers of one model", "format 2",
                     f"{command}", str(old)):  # fmt: skip
            assert part in text


def test_a_build_that_an_earlier_version_began_is_not_gone_on_with(cube, tmp_path):
    path = tmp_path / "begun.zarr"
    (path / "building").mkdir(parents=True)
    (path / "building" / "plan.json").write_text(json.dumps(ArraySource().describe()))
    with pytest.raises(InputError, match="Remove the folder and build again"):
        build_cube(path, ArraySource())


def test_weather_is_kept_under_the_names_of_what_was_measured(cube):
    ids = cube.cells.ids[:3].tolist()
    weather = cube.weather(ids)
    assert cube.variables == DRIVERS  # the layout's own, here
    assert set(DRIVERS) <= set(weather)
    assert weather["elevation"].dims == ("pixel",)
    for name in DRIVERS:
        np.testing.assert_array_equal(weather[name], cube.forcing(ids)[name])


def test_variables_that_nobody_knows_are_refused(cube, tmp_path):
    path = tmp_path / "odd.zarr"
    shutil.copytree(cube.path, path)
    file = path / "forcing" / "zarr.json"
    content = json.loads(file.read_text())
    content["attributes"]["variables"][2] = "rain_of_frogs"
    file.write_text(json.dumps(content))
    with pytest.raises(InputError, match="rain_of_frogs"):
        open_cube(path)


def test_a_second_builder_of_the_same_cube_is_reported_and_the_first_finishes(
    cube, tmp_path
):
    path = tmp_path / "c.zarr"
    reported = []

    class Meanwhile(ArraySource):
        def shard(self, layout, folder, first, last):
            if first == 256:
                with pytest.raises(InputError, match="another process") as caught:
                    build_cube(path, ArraySource())
                reported.append(str(caught.value))
            return super().shard(layout, folder, first, last)

    build_cube(path, Meanwhile())
    assert len(reported) == 1
    assert str(path) in reported[0]
    assert "process" in reported[0]
    assert sums(path) == sums(cube.path)
    build_cube(path, ArraySource()).verify()  # nothing of the lock is left


def test_two_processes_that_build_one_cube_leave_one_good_cube(cube, tmp_path):
    """Whoever comes second is refused or finds it finished; no file is lost."""
    import subprocess
    import sys
    from pathlib import Path

    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_cube import ArraySource, InputError, build_cube\n"
        "try:\n    build_cube(sys.argv[2], ArraySource())\n"
        "except InputError as error:\n    print(error); raise SystemExit(2)\n"
    )
    path = tmp_path / "c.zarr"
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(Path(__file__).parent), str(path)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    ends = [process.communicate() for process in both]
    codes = [process.returncode for process in both]
    assert 0 in codes, ends
    assert set(codes) <= {0, 2}, ends
    open_cube(path, verify=True)
    assert sums(path) == sums(cube.path)


@pytest.fixture
def copied(cube, tmp_path):
    return shutil.copytree(cube.path, tmp_path / "cube.zarr")


def metadata(path, name, change):
    """Change an array's metadata; the copy of all metadata goes with it."""
    file = path / name / "zarr.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    root = path / "zarr.json"
    content = json.loads(root.read_text())
    content.pop("consolidated_metadata", None)
    root.write_text(json.dumps(content))


def shape(*sizes):
    return lambda content: content.update(shape=list(sizes))


def codec(content):
    content["codecs"].append({"name": "gzip", "configuration": {"level": 1}})


def chunk(*sizes):
    def change(content):
        content["chunk_grid"]["configuration"]["chunk_shape"] = list(sizes)

    return change


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("pixel", shape(2_000_000_000)),
        ("pixel", shape(600, 1)),
        ("pixel", shape(599)),
        ("time", shape(2_000_000_000)),
        ("observed_time", shape(10**12)),
        ("co2", shape(10**12)),
        ("state", shape(10**12)),
        ("filled", shape(600, 10**10)),
        ("elevation", shape(10**12)),
        ("mask", shape(10**6, 10**6)),
        ("forcing", shape(600, 7, 10**10)),
        ("observations", shape(600, 10**9, 46)),
        ("variances", shape(10**12, 2, 46)),
        ("elevation", chunk(10**12)),
        ("forcing", chunk(256, 7, 10**10)),
        ("state", codec),
    ],
)
def test_it_is_refused_by_name_before_memory_is_taken(copied, name, change):
    metadata(copied, name, change)
    tracemalloc.start()
    with pytest.raises(InputError) as refused:
        open_cube(copied)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(copied) in str(refused.value)
    assert peak < 64 * 2**20


def test_without_an_axis_or_attributes_it_is_no_cube(copied):
    group = zarr.open_group(copied, mode="a", zarr_format=3)
    static = group.attrs["static"]
    del group.attrs["static"]
    with pytest.raises(InputError, match="attributes that are not a cube's"):
        open_cube(copied)
    group.attrs["static"] = static
    assert len(open_cube(copied)) == 600
    shutil.rmtree(copied / "time")
    with pytest.raises(InputError, match=r"time\n  found   no such array"):
        open_cube(copied)


def test_more_pixels_than_cells_are_refused(copied):
    group = zarr.open_group(copied, mode="a", zarr_format=3)
    group.attrs["grid"] = {**group.attrs["grid"], "n_rows": 3}
    with pytest.raises(InputError, match="600 pixels on a grid of 3 x 30"):
        open_cube(copied)


def test_constant_arrays_whose_chunks_are_no_files_are_read(cube):
    opened = open_cube(cube.path)
    assert not list((cube.path / "filled" / "c").rglob("*"))
    assert opened.filled().shape == (600, len(DRIVERS))
    assert not opened.filled().any()
    assert opened.maps["mask"].shape == opened.grid.shape
