"""Reader for the CAMELS basin attributes (Newman et al. 2015, Addor et al. 2017).

Files camels_<theme>.txt, separated by semicolons, one row a basin, ``NA`` where
unknown. Basins are not pixels: an attribute is a mean over hundreds of square
kilometres, and elevation is not that of the gauge.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from landdata.errors import InputError
from landdata.files.text_tables import first_line, numbers, read_text_table

THEMES = ("name", "topo", "clim", "soil", "vege", "geol", "hydro")
_RENAMED = {"gauge_lat": "lat", "gauge_lon": "lon", "elev_mean": "elevation"}
_TEXT = (
    "huc_02",
    "gauge_name",
    "high_prec_timing",
    "low_prec_timing",
    "dom_land_cover",
    "geol_1st_class",
    "geol_2nd_class",
)


def read_camels(folder: str | Path, themes: tuple[str, ...] = THEMES) -> pd.DataFrame:
    r"""Attributes of all basins, one row each.

    Parameters
    ----------
    folder : path
        Holds camels_name.txt, camels_topo.txt and so on.
    themes : names
        Which of them to read.

    Returns
    -------
    pandas.DataFrame
        Index ``gauge_id``: text of eight digits, leading zeros kept. Columns as
        published, except lat, lon, elevation [m], and with the soil theme ``sand``
        and ``clay`` [%] of the mineral soil: the published fractions also count water,
        organic and other matter, so they are divided by sand + silt + clay.

    Examples
    --------
    >>> from pathlib import Path
    >>> from landdata import read_camels
    >>> _ = Path("camels_topo.txt").write_text(
    ...     "gauge_id;gauge_lat;gauge_lon;elev_mean\n01013500;47.24;-68.58;250.3\n"
    ... )
    >>> read_camels(".", themes=("topo",)).loc["01013500"].to_dict()
    {'lat': 47.24, 'lon': -68.58, 'elevation': 250.3}
    """
    unknown = [theme for theme in themes if theme not in THEMES]
    if unknown or not themes:
        raise InputError(
            f"themes: {', '.join(unknown)}",
            found=repr(themes),
            wanted=f"some of {', '.join(THEMES)}",
        )
    frames = [_theme(Path(folder) / f"camels_{theme}.txt") for theme in themes]
    for theme, frame in zip(themes[1:], frames[1:], strict=True):
        odd = frames[0].index.symmetric_difference(frame.index)
        if len(odd):
            raise InputError(
                f"{folder}  camels_{theme}.txt, gauge {odd[0]}",
                found=f"not in both it and camels_{themes[0]}.txt",
                wanted="the same basins in every file",
            )
    basins = pd.concat(frames, axis=1).rename(columns=_RENAMED)
    if "soil" in themes:
        mineral = basins["sand_frac"] + basins["silt_frac"] + basins["clay_frac"]
        mineral = mineral.where(mineral > 0.0)
        basins["sand"] = 100.0 * basins["sand_frac"] / mineral
        basins["clay"] = 100.0 * basins["clay_frac"] / mineral
    return basins


def _theme(path: Path) -> pd.DataFrame:
    table = read_text_table(path, required=["gauge_id"], separator=";")
    gauge = table["gauge_id"].str.strip()
    wrong = ~gauge.str.fullmatch(r"\d{8}") | gauge.duplicated()
    if wrong.any():
        line = first_line(wrong)
        raise InputError(
            f"{path}:{line}  gauge_id",
            found=repr(gauge.loc[line]),
            wanted="eight digits, each gauge once",
            hint="Read as a number, the id loses its leading zero.",
        )
    columns: dict[str, pd.Series] = {}
    for name in table.columns.drop("gauge_id"):
        if name in _TEXT:
            text = table[name].str.strip()
            columns[name] = text.mask(text.isin(["", "NA"]))
        else:
            columns[name] = numbers(table, name, path)
    frame = pd.DataFrame(columns)
    frame.index = pd.Index(gauge, name="gauge_id")
    return frame
