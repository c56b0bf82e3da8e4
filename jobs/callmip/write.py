"""Write the layout of CalLMIP: netCDF-3 with scalar ``lat`` and ``lon``.

xarray cannot write scalar variables beside dimensions of the same names; SciPy can,
and its format is that of the project's template.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import netcdf_file

from jobs.callmip.content import Content
from jobs.files import replacing


def write_content(path: Path, content: Content) -> None:
    """Write a file whole, or not at all.

    Parameters
    ----------
    path : pathlib.Path
        Its final name.
    content : Content
        Values of 4- or 8-byte floating point, 2- or 4-byte integers, or single bytes.
    """
    image = _image(content)
    with replacing(path) as aside:
        aside.write_bytes(image)


def _image(content: Content) -> bytes:
    """Make the file in memory: a disk that fails then fails in one plain write."""
    held = BytesIO()
    with netcdf_file(held, "w") as opened:
        for key, value in content.attributes.items():
            setattr(opened, key, _stored(value))
        for name, size in content.dimensions.items():
            opened.createDimension(name, size)
        for name, stored in content.variables.items():
            made = opened.createVariable(name, stored.values.dtype, stored.dimensions)
            made.data[...] = stored.values
            for key, value in stored.attributes.items():
                setattr(made, key, _stored(value))
        opened.flush()
        return held.getvalue()  # it is closed with the file


def _stored(value: Any) -> Any:
    # SciPy writes texts as latin-1.
    return value.encode() if isinstance(value, str) else np.asarray(value)
