"""Reader for the sand and clay table of AmeriFlux sites.

One row a site: site_code, soil_depth, n_layers, layer_depth, layer_sand%,
layer_clay%; -999 where unknown. Some rows cannot be soils (0 % and 0 %) and are
refused; some are implausible (US-MMS, 63 % clay and 3 % silt) and are given
with a warning.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from landdata.errors import InputError
from landdata.files.text_tables import numbers, read_text_table

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SoilTexture:
    """Sand and clay of a site, % of the mineral soil by weight.

    Examples
    --------
    >>> from landdata import SoilTexture
    >>> SoilTexture("US-Ha1", sand=66.0, clay=6.0).doubt
    ''
    """

    site: str
    sand: float
    clay: float
    doubt: str = ""


def read_soil_texture(path: str | Path, site: str) -> SoilTexture:
    r"""Sand and clay of one site; the mean where it has several rows (layers).

    Returns
    -------
    SoilTexture
        ``doubt`` is not empty when the numbers are possible but unlikely.

    Examples
    --------
    >>> from pathlib import Path
    >>> from landdata import read_soil_texture
    >>> text = "site_code,layer_sand%,layer_clay%\nUS-Ha1,66,6\n"
    >>> _ = Path("soil.csv").write_text(text)
    >>> read_soil_texture("soil.csv", "US-Ha1")
    SoilTexture(site='US-Ha1', sand=66.0, clay=6.0, doubt='')
    """
    sand_column, clay_column = "layer_sand%", "layer_clay%"
    table = read_text_table(path, required=["site_code", sand_column, clay_column])
    rows = table[table["site_code"].str.strip() == site]
    if rows.empty:
        known = ", ".join(sorted(set(table["site_code"].str.strip())))
        raise InputError(
            f"{path}  {site}", found="no such site_code", wanted=f"one of {known}"
        )
    sands = numbers(rows, sand_column, path, missing_codes=[-999.0, -9999.0])
    clays = numbers(rows, clay_column, path, missing_codes=[-999.0, -9999.0])
    sand, clay = float(sands.mean()), float(clays.mean())
    possible = sand >= 0.0 and clay >= 0.0 and 0.0 < sand + clay <= 100.0
    if not possible:  # NaN too
        raise InputError(
            f"{path}:{rows.index[0]}  {site}",
            found=f"sand {sand:g} %, clay {clay:g} %",
            wanted="fractions of a soil, together above 0 and at most 100 %",
            hint="Give sand and clay of the site from another source.",
        )
    doubt = ""
    if clay > 60.0 and 100.0 - sand - clay < 5.0:
        doubt = (
            f"{site}: {clay:g} % clay with {100.0 - sand - clay:g} % silt is hardly "
            "a forest soil; look it up elsewhere"
        )
        logger.warning("%s: %s", path, doubt)
    return SoilTexture(site, sand, clay, doubt)
