"""Monthly weather from a table or a netCDF file."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from landmodels.century.drivers import MONTHLY, SITE, validate_forcing
from landmodels.century.month_checks import unlikely_months
from landmodels.errors import InputError

logger = logging.getLogger(__name__)

#: Columns of a table, with the variable and unit that they hold.
_COLUMNS = {
    "tmin_c": ("tmin", "degC"), "tmin_degc": ("tmin", "degC"),
    "tmax_c": ("tmax", "degC"), "tmax_degc": ("tmax", "degC"),
    "prec_mm": ("prec", "mm month-1"), "prec_cm": ("prec", "cm month-1"),
    "co2_ppm": ("co2", "ppm"), "tmin": ("tmin", ""), "tmax": ("tmax", ""),
    "prec": ("prec", ""), "co2": ("co2", "ppm"),
}  # fmt: skip


def read_weather(
    path: str | Path,
    *,
    site: Mapping[str, float | str] | None = None,
    period: str | None = None,
) -> xr.Dataset:
    """Read and check monthly weather.

    Parameters
    ----------
    path : path
        A CSV table with columns year, month, tmin_c, tmax_c, prec_mm or prec_cm and,
        if wanted, co2_ppm; empty cells are missing values. Columns tmin, tmax and
        prec may do without the unit in their name if a comment line (``#``) says
        it, as in ``prec [cm month-1]``. Or a netCDF file with the variables of
        :func:`landmodels.century.validate_forcing`.
    site : mapping, optional
        lat [degrees_north], sand, silt, clay [1], bulk_density [g cm-3], ph, and
        ecosystem, if the file does not hold them.
    period : str, optional
        For a table with a column ``period``, the rows to take.

    Returns
    -------
    xarray.Dataset
        Checked forcing, see :func:`landmodels.century.validate_forcing`.

    Raises
    ------
    InputError
        If the file or a value in it cannot be used.

    Examples
    --------
    >>> import tempfile
    >>> rows = [f"2001,{m},-5.0,8.0,30.0" for m in range(1, 13)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "weather.csv"
    ...     with path.open("w") as file:
    ...         print("year,month,tmin_c,tmax_c,prec_mm", *rows, sep=chr(10), file=file)
    ...     weather = read_weather(path, site={
    ...         "lat": 35.0, "sand": 0.4, "silt": 0.4, "clay": 0.2,
    ...         "bulk_density": 1.1, "ph": 7.0})
    >>> float(weather["prec"][0]), weather["prec"].attrs["units"]
    (3.0, 'cm month-1')
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(str(path), found="no such file", wanted="monthly weather")
    if path.suffix.lower() in (".nc", ".nc4", ".cdf"):
        forcing = _netcdf(path)
    else:
        forcing = _table(path, period)
    for name, value in (site or {}).items():
        if name not in SITE and name != "ecosystem":
            raise InputError(
                f"site.{name}", found="an unknown name",
                wanted="any of " + ", ".join((*SITE, "ecosystem")),
            )  # fmt: skip
        forcing[name] = value
    clean = validate_forcing(forcing, where=str(path))
    for doubt in unlikely_months(clean):
        logger.warning("%s: %s", path, doubt)
    return clean


def _netcdf(path: Path) -> xr.Dataset:
    try:
        with xr.open_dataset(path) as opened:
            return opened.load()
    except (OSError, ValueError) as exc:
        raise InputError(
            str(path), found=str(exc).splitlines()[0], wanted="a netCDF file"
        ) from exc


def _table(path: Path, period: str | None) -> xr.Dataset:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        comments = "\n".join(line for line in lines if line.startswith("#"))
        frame = pd.read_csv(path, comment="#", encoding="utf-8-sig")
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as exc:
        raise InputError(str(path), found=str(exc), wanted="a CSV table") from exc
    frame.columns = [str(c).strip() for c in frame.columns]
    frame = _choose_period(frame, period, path)
    for name in ("year", "month"):
        if name not in frame or frame[name].dtype.kind not in "iu":
            raise InputError(
                f"{path}  {name}", found=f"columns {list(frame.columns)}",
                wanted=f"a column {name} of whole numbers",
            )  # fmt: skip
    if not frame["month"].between(1, 12).all():
        bad = frame.index[~frame["month"].between(1, 12)][0]
        raise InputError(
            f"{path}  month, row {bad}", found=str(frame["month"][bad]), wanted="1-12"
        )
    months = (frame["year"].to_numpy() - 1970) * 12 + frame["month"].to_numpy() - 1
    forcing = xr.Dataset(coords={"time": months.astype("datetime64[M]").astype(
        "datetime64[s]")})  # fmt: skip
    for column in frame.columns:
        if column.lower() in _COLUMNS:
            name, unit = _COLUMNS[column.lower()]
            if name in forcing:
                raise InputError(
                    f"{path}  {column}", found=f"a second column of {name}",
                    wanted="one column of each variable",
                )  # fmt: skip
            unit = unit or _unit_in_comment(comments, name)
            attrs = {"units": unit} if unit else {}
            forcing[name] = ("time", _column(frame[column], path, column), attrs)
    return forcing


def _column(values: pd.Series, path: Path, column: str) -> np.ndarray:
    try:
        return values.to_numpy(float)
    except ValueError as exc:
        raise InputError(f"{path}  {column}", found=str(exc), wanted="numbers") from exc


def _choose_period(frame: pd.DataFrame, period: str | None, path: Path) -> pd.DataFrame:
    if "period" not in frame:
        if period is not None:
            raise InputError(
                f"{path}  period", found="no column period", wanted=f"rows {period!r}"
            )
        return frame
    present = sorted(map(str, frame["period"].unique()))
    if period not in present:
        raise InputError(
            f"{path}  period", found=repr(period), wanted="one of " + ", ".join(present)
        )
    return frame[frame["period"] == period].reset_index(drop=True)


def _unit_in_comment(comments: str, name: str) -> str:
    """Unit of a column from a comment such as ``tmin tmax [degC], prec [cm ...]``."""
    found = re.search(rf"\b{name}\b[^\[,;\n]*\[([^\]]+)\]", comments)
    if found:
        return found.group(1).strip()
    return "" if name == "prec" else MONTHLY[name].units
