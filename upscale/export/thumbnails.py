"""Small pictures of maps, for catalogues."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from upscale.files import replacing

_LEAST_SIDE = 256  # pixels of the longer side; larger maps keep every cell


def ramp_colours(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return (row, column, 4) colours of numbers; what is NaN is transparent."""
    import matplotlib as mpl

    known = np.isfinite(values)
    low, high = np.percentile(values[known], [2.0, 98.0]) if known.any() else (0, 1)
    scaled = (values - low) / (high - low) if high > low else np.full(values.shape, 0.5)
    filled = np.where(known, scaled, 0.0)
    colours = mpl.colormaps["viridis"](np.clip(filled, 0.0, 1.0), bytes=True)
    colours[~known] = 0
    return np.asarray(colours, np.uint8)


def class_colours(
    codes: NDArray[np.uint8], classes: Mapping[int, tuple[str, tuple[int, int, int]]]
) -> NDArray[np.uint8]:
    """Return (row, column, 4) colours of classes; other codes are transparent."""
    colours = np.zeros((*codes.shape, 4), np.uint8)
    for code, (_, colour) in classes.items():
        colours[codes == code] = (*colour, 255)
    return colours


def write_thumbnail(path: Path, colours: NDArray[np.uint8]) -> None:
    """Write colours (row, column, 4) as a PNG; small maps are enlarged."""
    from matplotlib.image import imsave

    times = max(1, -(-_LEAST_SIDE // max(colours.shape[:2])))
    enlarged = colours.repeat(times, axis=0).repeat(times, axis=1)
    with replacing(path) as aside:
        imsave(aside, enlarged, format="png", metadata={"Software": "masm"})
