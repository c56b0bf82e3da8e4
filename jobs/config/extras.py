"""Packages that only an extra of ``masm`` installs, and how to get them."""

from __future__ import annotations

from importlib.util import find_spec

_UPSCALE = ("xgboost", "rasterio", "pyproj", "pystac", "pyarrow")
EXTRAS = {
    "upscale": _UPSCALE,
    "regions": (*_UPSCALE, "exactextract", "pyhdf"),
    "dask": ("distributed",),
    "torch": ("torch", "gpytorch"),
}
"""The packages of each extra, as they are imported."""


def not_installed(extra: str) -> list[str]:
    """Return the packages of an extra that cannot be imported.

    Examples
    --------
    >>> set(not_installed("upscale")) <= set(EXTRAS["upscale"])
    True
    """
    return [name for name in EXTRAS[extra] if find_spec(name) is None]


def extra_of(package: str) -> str:
    """Return the first extra that installs a package, or nothing.

    Examples
    --------
    >>> extra_of("rasterio"), extra_of("numpy")
    ('upscale', '')
    """
    name = package.split(".")[0]
    return next((extra for extra, names in EXTRAS.items() if name in names), "")


def install_hint(extra: str) -> str:
    """Return how an extra is installed.

    Examples
    --------
    >>> install_hint("upscale")
    "pip install 'masm[upscale]'"
    """
    return f"pip install 'masm[{extra}]'"
