"""CalLMIP's annual CO2 (TRENDY) and tables of monthly skill.

``CO2_1700_2024_TRENDYv2025.txt`` has lines ``Annee_1850=287.43`` [ppm]. The tables of
skill have site, flux, r2, rmse (NEE in g m-2 d-1, heat in W m-2) and n_months.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from landdata.errors import InputError
from landdata.files.text_tables import (
    existing_file,
    first_line,
    numbers,
    read_text_table,
)
from landdata.variables import RAW

_LINE = re.compile(r"Annee_(\d{4})\s*=\s*([\d.]+)")


def read_trendy_co2(path: str | Path) -> xr.DataArray:
    r"""Annual mean CO2.

    Returns
    -------
    xarray.DataArray
        ppm over ``year``, every year once.

    Raises
    ------
    InputError
        Naming the line that is none, or the year that is missing.

    Examples
    --------
    >>> from pathlib import Path
    >>> from landdata import read_trendy_co2
    >>> _ = Path("co2.txt").write_text("Annee_1850=287.43\nAnnee_1851=287.5\n")
    >>> float(read_trendy_co2("co2.txt").sel(year=1851))
    287.5
    """
    path = existing_file(path)
    years, values = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        found = _LINE.fullmatch(line.strip())
        if found is None:
            raise InputError(
                f"{path}:{number}",
                found=repr(line[:40]),
                wanted="a line such as Annee_1850=287.43",
            )
        years.append(int(found.group(1)))
        values.append(float(found.group(2)))
    odd = np.flatnonzero(np.diff(years) != 1)
    if not years or odd.size:
        raise InputError(
            str(path),
            found=f"{years[odd[0]]} and then {years[odd[0] + 1]}" if years else "none",
            wanted="every year once, in order",
        )
    co2, low, high = np.array(values), 200.0, RAW["co2"].high
    if (co2 < low).any() or (co2 > high).any():
        first = int(np.argmax((co2 < low) | (co2 > high)))
        raise InputError(
            f"{path}:{first + 1}",
            found=f"{co2[first]:g}",
            wanted=f"{low:g} to {high:g}",
        )
    return xr.DataArray(
        co2,
        dims="year",
        coords={"year": years},
        name="co2",
        attrs={"units": "ppm", "long_name": "annual mean CO2 of the air"},
    )


def read_callmip_skill(path: str | Path) -> pd.DataFrame:
    r"""Monthly skill of a group: site, flux, r2, rmse, n_months; each pair once.

    Raises
    ------
    InputError
        Naming line and column.

    Examples
    --------
    >>> from pathlib import Path
    >>> from landdata import read_callmip_skill
    >>> _ = Path("skill.csv").write_text(
    ...     "site,flux,r2,rmse,n_months\nDE-Hai,NEE,0.9,0.5,120\n"
    ... )
    >>> read_callmip_skill("skill.csv")["r2"].tolist()
    [0.9]
    """
    names = ["site", "flux", "r2", "rmse", "n_months"]
    table = read_text_table(path, required=names)
    frame = pd.DataFrame(
        {
            name: table[name].str.strip()
            if name in ("site", "flux")
            else numbers(table, name, path)
            for name in names
        }
    )
    wrong = (
        ~frame["flux"].isin(["NEE", "LE", "H"])
        | (frame["r2"] > 1.0)
        | (frame["rmse"] < 0.0)
        | frame.duplicated(["site", "flux"])
    )
    if wrong.any():
        line = first_line(wrong)
        raise InputError(
            f"{path}:{line}",
            found=", ".join(str(table[name].loc[line]) for name in names),
            wanted="NEE, LE or H, each site and flux once, r2 at most 1, rmse from 0",
        )
    return frame.reset_index(drop=True)
