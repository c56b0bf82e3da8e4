"""QGIS styles (.qml) beside the maps: a ramp for numbers, a palette for classes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from upscale.files import replacing

# Five anchors of viridis (Smith and van der Walt 2015), even in lightness.
_RAMP = ("#440154", "#3b528b", "#21918c", "#5ec962", "#fde725")


def ramp_style(values: NDArray) -> ElementTree.Element:
    """Style of the first band: a ramp from the 2nd to the 98th percentile."""
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, [2.0, 98.0]) if finite.size else (0.0, 1.0)
    low, high = float(low), float(high)
    if not low < high:  # one value everywhere
        low, high = low - 0.5 * abs(low) - 1e-12, high + 0.5 * abs(high) + 1e-12
    root, renderer = _raster("singlebandpseudocolor")
    renderer.set("classificationMin", repr(low))
    renderer.set("classificationMax", repr(high))
    shader = ElementTree.SubElement(
        ElementTree.SubElement(renderer, "rastershader"),
        "colorrampshader",
        colorRampType="INTERPOLATED",
        classificationMode="1",
        clip="0",
        minimumValue=repr(low),
        maximumValue=repr(high),
    )
    for value, colour in zip(np.linspace(low, high, len(_RAMP)), _RAMP, strict=True):
        ElementTree.SubElement(
            shader,
            "item",
            value=repr(float(value)),
            label=f"{value:.4g}",
            color=colour,
            alpha="255",
        )
    return root


def class_style(
    classes: Mapping[int, tuple[str, tuple[int, int, int]]],
) -> ElementTree.Element:
    """Style of a class map: a colour and a label for each code."""
    root, renderer = _raster("paletted")
    palette = ElementTree.SubElement(renderer, "colorPalette")
    for code, (name, (red, green, blue)) in classes.items():
        ElementTree.SubElement(
            palette,
            "paletteEntry",
            value=str(code),
            label=name,
            color=f"#{red:02x}{green:02x}{blue:02x}",
            alpha="255",
        )
    return root


def write_style(path: Path, style: ElementTree.Element) -> None:
    """Write a style beside its target, then put it in place."""
    ElementTree.indent(style)
    head = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
    text = head + ElementTree.tostring(style, encoding="unicode") + "\n"
    with replacing(path) as aside:
        aside.write_text(text, encoding="utf-8")


def _raster(kind: str) -> tuple[ElementTree.Element, ElementTree.Element]:
    root = ElementTree.Element("qgis", version="3.34", styleCategories="Symbology")
    renderer = ElementTree.SubElement(
        ElementTree.SubElement(root, "pipe"),
        "rasterrenderer",
        type=kind,
        band="1",
        opacity="1",
        alphaBand="-1",
        nodataColor="",
    )
    return root, renderer
