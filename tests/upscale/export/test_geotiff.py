import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import matplotlib.image
import numpy as np
import pandas as pd
import pystac
import pytest
import rasterio
import xarray as xr
from rio_cogeo import cog_validate

import upscale
from upscale.export.geotiff import BANDS, MapGrid
from upscale.export.stac import add_to_collection

PERIOD = ("2001-01-01", "2009-12-31")


def region(n_rows=6, n_columns=9, missing=7):
    """A block of cells, north-western corner at 42 N and 72 W, some left out."""
    row, column = np.divmod(np.arange(n_rows * n_columns), n_columns)
    keep = np.arange(row.size) % missing != 3
    coordinates = pd.DataFrame(
        {
            "latitude": 42.0 - 0.05 * (row[keep] + 0.5),
            "longitude": -72.0 + 0.05 * (column[keep] + 0.5),
        },
        index=pd.Index(1000 + np.flatnonzero(keep), name="pixel"),
    )
    n = len(coordinates)
    values = np.stack([np.linspace(0.02, 0.08, n), np.linspace(20.0, 150.0, n)])
    names = ("mean", "sd", "p05", "p95")
    data = {
        name: (("parameter", "pixel"), values * (1.0 + 0.1 * order))
        for order, name in enumerate(names)
    }
    data["quality"] = (("parameter", "pixel"), np.ones((2, n)))
    for name, ends in (("low", (0.0, 10.0)), ("high", (0.1, 200.0))):
        data[name] = ("parameter", list(ends))
    data["default"] = ("parameter", [0.06, np.nan])
    data["dissimilarity_limit"] = ("parameter", [0.4, 0.5])
    prediction = xr.Dataset(
        data,
        coords={
            "parameter": ["p5", "p18"],
            "unit": ("parameter", ["d-1", "gC m-2 leaf"]),
            "pixel": coordinates.index,
        },
        attrs={"seed": 7, "source": "masm 1"},
    )
    return prediction, coordinates


@pytest.fixture
def written(tmp_path):
    prediction, coordinates = region()
    status = upscale.status_of(
        prediction, calibrated=coordinates.index[:5], rejected=coordinates.index[5:7]
    )
    files = upscale.write_maps(
        tmp_path / "maps",
        prediction,
        coordinates,
        period=PERIOD,
        status=status,
        tags={"run": "demo"},
        meanings={"p18": "leaf mass per area"},
    )
    return prediction, coordinates, status, files


def test_every_map_is_a_valid_cloud_optimized_geotiff(written):
    files = written[3]
    assert [path.name for path in files] == ["p5.tif", "p18.tif", "status.tif"]
    for path in files:
        valid, errors, warnings = cog_validate(path, strict=True)
        assert valid, (errors, warnings)


def test_a_value_lies_where_its_pixel_is(written):
    prediction, coordinates, _, files = written
    with rasterio.open(files[0]) as dataset:
        assert dataset.crs.to_epsg() == 4326
        assert tuple(dataset.bounds) == pytest.approx((-72.0, 41.7, -71.55, 42.0))
        assert dataset.dtypes == ("float32",) * len(BANDS)
        assert np.isnan(dataset.nodata)
        places = coordinates[["longitude", "latitude"]].to_numpy()
        found = np.array(list(dataset.sample(places)))
        outside = dataset.read(1).size - len(coordinates)
        assert np.isnan(dataset.read(1)).sum() == outside
    for band in ("mean", "sd", "p05", "p95"):
        wanted = prediction[band].sel(parameter="p5").to_numpy().astype("f4")
        assert (found[:, BANDS.index(band)] == wanted).all()
    assert (found[:, BANDS.index("default")] == np.float32(0.06)).all()


def test_a_map_says_what_it_is(written):
    with rasterio.open(written[3][1]) as dataset:
        assert dataset.descriptions == BANDS
        assert dataset.units == ("g m-2",) * 5 + ("1",)
        assert dataset.scales == (1.0,) * 6
        tags = dataset.tags()
        assert "region mean" in dataset.tags(6)["class_3"]
    wanted = {
        "seed": "7",
        "source": "masm 1",
        "run": "demo",
        "parameter": "p18",
        "prior_low": "10.0",
        "period": "2001-01-01/2009-12-31",
        "method_doi": "10.5194/gmd-15-6637-2022",
        "long_name": "leaf mass per area",
        "units": "g m-2",
        "units_given": "gC m-2 leaf",
    }
    assert wanted.items() <= tags.items()


def test_the_status_map_has_a_colour_and_a_meaning_for_each_code(written):
    _, coordinates, status, files = written
    with rasterio.open(files[2]) as dataset:
        assert dataset.dtypes == ("uint8",)
        assert dataset.nodata == 0
        colours = dataset.colormap(1)
        places = coordinates[["longitude", "latitude"]].to_numpy()
        found = np.array(list(dataset.sample(places)))[:, 0]
        assert dataset.tags(1)["class_1"] == "calibrated"
    assert (found == status).all()
    assert status.tolist()[:8] == [1] * 5 + [4] * 2 + [2]
    for code, (_, colour) in upscale.STATUS.items():
        assert colours[code] == (*colour, 255)
    assert colours[0][3] == 0


def test_styles_are_well_formed_and_span_the_values(written):
    style = ElementTree.parse(written[3][0].with_suffix(".qml")).getroot()  # noqa: S314
    values = [float(item.get("value")) for item in style.iter("item")]
    assert values == sorted(values)
    assert 0.02 < values[0] < values[-1] < 0.08
    palette = ElementTree.parse(written[3][2].with_suffix(".qml")).getroot()  # noqa: S314
    labels = {
        one.get("value"): one.get("label") for one in palette.iter("paletteEntry")
    }
    assert labels["1"] == "calibrated"


def test_stac_items_say_where_when_and_what_and_may_be_moved(written, tmp_path):
    (tmp_path / "maps").rename(tmp_path / "moved")
    collection = pystac.Collection.from_file(str(tmp_path / "moved/collection.json"))
    items = {item.id: item for item in collection.get_items()}
    assert set(items) == {"p5", "p18", "status"}
    item = items["p18"]
    assert item.bbox == pytest.approx([-72.0, 41.7, -71.55, 42.0])
    assert item.properties["start_datetime"].startswith("2001-01-01")
    assert item.properties["proj:code"] == "EPSG:4326"
    bands = item.assets["map"].extra_fields["bands"]
    assert [band["name"] for band in bands] == list(BANDS)
    assert bands[0]["unit"] == "g m-2"
    assert bands[0]["statistics"]["maximum"] == pytest.approx(150.0)
    href = item.assets["map"].get_absolute_href()
    with rasterio.open(href) as dataset:
        assert dataset.count == len(BANDS)
    text = (tmp_path / "moved" / "p18.json").read_text()
    assert str(tmp_path) not in text
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def errors_of(kind, content):
    """Errors after the schema of STAC that comes with pystac; extensions' do not."""
    from jsonschema import Draft7Validator
    from pystac.validation.local_validator import get_local_schema_cache
    from referencing import Registry, Resource

    cache = get_local_schema_cache()
    known = [(name, Resource.from_contents(one)) for name, one in cache.items()]
    (schema,) = [one for name, one in cache.items() if name.endswith(f"/{kind}.json")]
    return list(
        Draft7Validator(
            schema, registry=Registry().with_resources(known)
        ).iter_errors(content)
    )  # fmt: skip


def test_records_keep_to_the_schema_of_stac(written):
    pytest.importorskip("jsonschema")
    folder = written[3][0].parent
    names = ("collection", "p5", "p18", "status")
    records = {n: json.loads((folder / f"{n}.json").read_text()) for n in names}
    for name, content in records.items():
        assert not errors_of("collection" if name == "collection" else "item", content)
    assert errors_of("item", {**records["p5"], "bbox": "nowhere"})


def test_a_record_names_style_and_thumbnail_and_the_collection_its_tables(written):
    folder = written[3][0].parent
    for name in ("samples.parquet", "fluxes.nc"):
        (folder / name).write_bytes(b"")
    add_to_collection(folder, [folder / "samples.parquet", folder / "fluxes.nc"])
    collection = pystac.Collection.from_file(str(folder / "collection.json"))
    assert set(collection.assets) == {"samples", "fluxes"}
    publication = collection.extra_fields["sci:publications"][0]
    assert publication["doi"] == "10.5194/gmd-15-6637-2022"
    for item in collection.get_items():
        assert set(item.assets) == {"map", "thumbnail", "style"}
        for asset in item.assets.values():
            assert Path(asset.get_absolute_href()).exists()
    picture = mpl.image.imread(folder / "p18.png")
    assert max(picture.shape[:2]) >= 256
    assert set(np.unique(picture[..., 3])) == {0.0, 1.0}  # outside is transparent


def test_writing_again_replaces_and_leaves_nothing_behind(written):
    prediction, coordinates, _, files = written
    before = sorted(path.name for path in files[0].parent.iterdir())
    upscale.write_maps(files[0].parent, prediction * 2.0, coordinates, period=PERIOD)
    assert sorted(path.name for path in files[0].parent.iterdir()) == before
    with rasterio.open(files[1]) as dataset:
        assert np.nanmax(dataset.read(1)) == pytest.approx(300.0)


def test_pixels_off_the_grid_or_twice_in_a_cell_are_refused():
    coordinates = region()[1]
    off = coordinates.copy()
    off.loc[1005, "latitude"] += 0.01
    with pytest.raises(upscale.InputError, match="pixel 1005"):
        MapGrid.of(off)
    twice = pd.concat([coordinates, coordinates.iloc[:1].rename({1000: 9})])
    with pytest.raises(upscale.InputError, match="two pixels"):
        MapGrid.of(twice)
    rounded = coordinates.astype("float32")
    assert MapGrid.of(rounded).bounds == MapGrid.of(coordinates).bounds


def test_markup_in_a_name_stays_text_in_every_file(tmp_path):
    """In tags (XML inside the GeoTIFF), in the catalogue (JSON) and in styles (XML)."""
    evil = "<script>alert(1)</script>]]> & \"quoted\" 'x' <GDALMetadata>"
    prediction, coordinates = region()
    prediction = prediction.assign_coords(unit=("parameter", [evil, "g m-2"]))
    files = upscale.write_maps(
        tmp_path / "maps", prediction, coordinates, period=PERIOD, tags={"run": evil}
    )
    maps = [path for path in files if path.suffix == ".tif"]
    assert maps
    for path in maps:
        with rasterio.open(path) as opened:
            assert opened.tags()["run"] == evil
            assert "AREA_OR_POINT" in opened.tags()
    for path in (tmp_path / "maps").rglob("*.qml"):
        root = ElementTree.parse(path).getroot()  # noqa: S314
        assert not list(root.iter("script"))
    for path in (tmp_path / "maps").rglob("*.json"):
        json.loads(path.read_text())
    with rasterio.open(next(path for path in maps if "p5" in path.name)) as opened:
        assert opened.units[0] == evil


def test_the_projections_of_another_program_are_recognised_by_their_variable(tmp_path):
    (tmp_path / "proj.db").write_bytes(b"of another program")
    words = "from upscale.export.geotiff import require_projections as r; r()"
    done = subprocess.run(
        [sys.executable, "-c", words],
        env={**os.environ, "PROJ_DATA": str(tmp_path), "PROJ_LIB": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "unset PROJ_DATA PROJ_LIB" in done.stderr
    assert str(tmp_path) in done.stderr
