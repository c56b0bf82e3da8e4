"""STAC records of the maps: an item beside each GeoTIFF and a collection of all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from upscale.files import replacing, sync_folder

if TYPE_CHECKING:
    import pystac

_MEDIA_TYPE = "image/tiff; application=geotiff; profile=cloud-optimized"
_SCHEMAS = [
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/raster/v2.0.0/schema.json",
]


_SCIENTIFIC = "https://stac-extensions.github.io/scientific/v1.0.0/schema.json"


def write_stac(
    folder: Path,
    files: Iterable[Path],
    *,
    period: tuple[str, str],
    tags: Mapping[str, object],
    others: Iterable[Path] = (),
) -> list[Path]:
    """Write ``<name>.json`` beside each GeoTIFF and ``collection.json``.

    Links are relative, so the folder may be moved. What the items say of bands, units,
    extent and values is read from the files.

    Parameters
    ----------
    folder : path
        That holds the files.
    files : iterable of path
        GeoTIFFs.
    period : (str, str)
        First and last day that the maps are of, ISO dates.
    tags : mapping
        Of the collection; ``title`` and ``source`` are used.
    others : iterable of path
        Further files of the folder that the collection names: tables, netCDF.
    """
    import pystac

    first, last = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in period)
    files = list(files)
    items = [_item(path, first, last) for path in files]
    boxes = np.array([item.bbox for item in items])
    extent = [
        float(value) for value in (*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0))
    ]
    collection = pystac.Collection(
        id="parameter-maps",
        title=str(tags.get("title", "parameter maps")),
        description=f"Maps of upscaled parameters. {tags.get('source', '')}".strip(),
        extent=pystac.Extent(
            pystac.SpatialExtent([extent]), pystac.TemporalExtent([[first, last]])
        ),
        license="other",
        extra_fields=_publication(tags),
        stac_extensions=[_SCIENTIFIC] if "method_doi" in tags else [],
    )
    with tempfile.TemporaryDirectory(prefix=".stac-", dir=folder) as aside:
        root = Path(aside)
        collection.set_self_href(str(root / "collection.json"))
        for item, path in zip(items, files, strict=True):
            collection.add_item(item)
            item.set_self_href(str(root / f"{item.id}.json"))
            for key, asset in _assets(path):  # places are relative to the item's
                item.add_asset(key, asset)
        collection.save(catalog_type=pystac.CatalogType.SELF_CONTAINED)
        add_to_collection(root, others)
        written = sorted(root.glob("*.json"))
        for path in written:
            with path.open("rb") as opened:
                os.fsync(opened.fileno())
            os.replace(path, folder / path.name)
        sync_folder(folder)
    return [folder / path.name for path in written]


def _publication(tags: Mapping[str, object]) -> dict[str, Any]:
    if "method_doi" not in tags:
        return {}
    paper = {"doi": str(tags["method_doi"]), "citation": str(tags["references"])}
    return {"sci:publications": [paper]}


def _item(path: Path, first: datetime, last: datetime) -> pystac.Item:
    import pystac
    import rasterio

    with rasterio.open(path, driver="GTiff") as dataset:
        west, south, east, north = (round(edge, 6) for edge in dataset.bounds)
        ring = [(west, south), (east, south), (east, north), (west, north)]
        properties: dict[str, Any] = {
            "title": path.stem,
            "proj:code": f"EPSG:{dataset.crs.to_epsg()}",
            "proj:shape": [dataset.height, dataset.width],
            "proj:transform": list(dataset.transform)[:6],
            **{
                f"masm:{name.lower()}": value
                for name, value in dataset.tags().items()
                if name != "AREA_OR_POINT"
            },
        }
    return pystac.Item(
        id=path.stem,
        geometry={
            "type": "Polygon",
            "coordinates": [[list(corner) for corner in (*ring, ring[0])]],
        },
        bbox=[west, south, east, north],
        datetime=None,
        start_datetime=first,
        end_datetime=last,
        properties=properties,
        stac_extensions=_SCHEMAS,
    )


def add_to_collection(folder: Path, files: Iterable[Path]) -> None:
    """Name further files of the folder in ``collection.json``: tables, netCDF.

    Parameters
    ----------
    folder : path
        With a collection that `write_stac` wrote.
    files : iterable of path
        In the folder; their endings say what they are.
    """
    path = folder / "collection.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    for one in files:
        media_type, title = _KINDS[one.suffix]
        content.setdefault("assets", {})[one.stem] = {
            "href": f"./{one.name}",
            "type": media_type,
            "title": f"{one.stem}: {title}",
            "roles": ["data"],
        }
    with replacing(path) as aside:
        aside.write_text(json.dumps(content, indent=2), encoding="utf-8")


_KINDS = {
    ".nc": ("application/netcdf", "fluxes on the grid, after CF"),
    ".parquet": ("application/vnd.apache.parquet", "calibrated pixels"),
}


def _assets(path: Path) -> Iterator[tuple[str, pystac.Asset]]:
    import pystac

    yield "map", _asset(path)
    for key, suffix, media_type, role in (
        ("thumbnail", ".png", "image/png", "thumbnail"),
        ("style", ".qml", "application/xml", "style"),
    ):
        beside = path.with_suffix(suffix)
        if beside.exists():
            yield key, pystac.Asset(f"./{beside.name}", None, None, media_type, [role])


def _asset(path: Path) -> pystac.Asset:
    import pystac
    import rasterio

    with rasterio.open(path, driver="GTiff") as dataset:
        bands = [_band(dataset, index) for index in dataset.indexes]
    return pystac.Asset(
        href=f"./{path.name}",
        media_type=_MEDIA_TYPE,
        roles=["data"],
        extra_fields={"bands": bands},
    )


def _band(dataset: Any, index: int) -> dict[str, Any]:
    values = dataset.read(index, masked=True).compressed()
    values = values[np.isfinite(values)].astype(np.float64)
    nodata = dataset.nodata
    band: dict[str, Any] = {
        "name": dataset.descriptions[index - 1],
        "data_type": dataset.dtypes[index - 1],
        "nodata": "nan" if nodata is not None and np.isnan(nodata) else nodata,
        "raster:scale": dataset.scales[index - 1],
        "raster:offset": dataset.offsets[index - 1],
    }
    if dataset.units[index - 1]:
        band["unit"] = dataset.units[index - 1]
    if values.size:
        band["statistics"] = {
            "minimum": float(values.min()),
            "maximum": float(values.max()),
            "mean": float(values.mean()),
            "stddev": float(values.std()),
        }
    return band
