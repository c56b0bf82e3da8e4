"""Members of the posterior in the ensemble standard of EFI, one netCDF file a site.

Dimensions are (datetime, site_id, parameter); ``parameter`` numbers the members. They
are simulations of past years whose parameters were calibrated: no forecast, and no
observation corrected their states.

References
----------
Dietze et al. (2023). A community convention for ecological forecasting: output files
and metadata, version 1.0. Ecosphere 14(11), e4686.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from jobs.process_models.output_table import EFI
from jobs.standards.place import Place, safe_name, targets_in, write_dataset

FILL = 1e20


def write_efi(place: Place, folder: Path) -> Iterator[Path]:
    """Write the members of a place to ``<site>.nc``, and yield it.

    Parameters
    ----------
    place : Place
        With members.
    folder : pathlib.Path
        Where.

    Raises
    ------
    ValueError
        If there are no members, or an output has another unit than the table's.
    """
    import xarray as xr

    members = place.runs.members
    if members is None:
        raise ValueError(f"{place.site}: no members of the posterior")
    n_members = members.sizes["sample"]
    days = members["time"].to_numpy().astype("datetime64[D]")
    noon = (days - days[0]).astype(float) + 0.5
    clock = {
        "units": f"days since {days[0]} 00:00:00", "calendar": "standard",
        "standard_name": "time", "axis": "T",
    }  # fmt: skip
    dims = ("datetime", "site_id", "parameter")
    variables: dict[str, Any] = {}
    for name, values in targets_in(EFI, members).items():
        array = values.transpose("time", "sample").to_numpy()[:, None, :]
        variables[name] = (dims, array, values.attrs)
    flags = {
        "forecast": (0, "1 where weather or states were forecast"),
        "data_assimilation": (0, "1 where observations corrected states on that day"),
    }
    for name, (value, meaning) in flags.items():
        column = np.full(days.size, value, np.int8)
        variables[name] = ("datetime", column, {"long_name": meaning, "units": "1"})
    weight = {"long_name": "logarithm of a member's weight", "units": "1"}
    variables["log_weight"] = ("parameter", np.zeros(n_members), weight)
    made = xr.Dataset(
        variables,
        coords={
            "datetime": ("datetime", noon, clock),
            "site_id": ("site_id", np.array([place.site], dtype=object)),
            "parameter": (
                "parameter",
                np.arange(1, n_members + 1),
                {"long_name": "member: a draw of the posterior", "units": "1"},
            ),
            "latitude": ("site_id", [place.latitude], {"units": "degrees_north"}),
            "longitude": ("site_id", [place.longitude], {"units": "degrees_east"}),
        },
        attrs=place.attributes("posterior") | _identity(place),
    )
    yield write_dataset(made, folder / f"{safe_name(place.site)}.nc", FILL)


def _identity(place: Place) -> dict[str, str]:
    """Attributes that distinguish files of one calibration from those of another."""
    means = json.dumps(dict(place.runs.means), sort_keys=True)
    code = hashlib.sha256(f"{place.run} {place.site} {means}".encode()).hexdigest()
    return {
        "model_name": place.model,
        "model_version": place.version,
        "iteration_id": code[:16],
        "target_id": place.site,
        "family": "ensemble",
        "uncertainty": "parameters of the process model alone; no error of weather, "
        "of initial states or of the model",
    }
