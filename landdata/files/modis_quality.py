"""Quality flags of MODIS and VIIRS composites, and which values are used.

MOD15, MCD15 and MOD16 and MOD17 share one layout of eight bits; VNP15 has another,
with the clouds in a second flag. References: MODIS collection 6.1 LAI/FPAR user's
guide (Myneni and Park 2020, table 5); MOD17 user's guide (Running and Zhao 2019, table
2.4); VIIRS LAI/FPAR user's guide (Park et al. 2018, FparLai_QC and FparExtra_QC).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from landdata.measured import MEASURED
from landdata.variables import FLUXES, Variable

Flags = NDArray[np.int64]
Rule = Callable[..., NDArray[np.bool_]]


def modis_good(flag: Flags) -> NDArray[np.bool_]:
    """Main algorithm (saturated or not), detectors fine, no significant cloud.

    Bit 0 is 0 for good quality, bit 2 for fine detectors; bits 3-4 are 0 (clear) or 3
    (not defined, taken as clear); bits 5-7 are 0 (main algorithm) or 1 (main
    algorithm, saturated).

    Examples
    --------
    >>> modis_good(np.array([0, 32, 8, 97])).tolist()
    [True, True, False, False]
    """
    cloud, algorithm = (flag >> 3) & 3, (flag >> 5) & 7
    return (
        ((flag & 1) == 0)
        & ((flag >> 2) & 1 == 0)
        & np.isin(cloud, (0, 3))
        & (algorithm <= 1)
    )


def viirs_good(flag: Flags, extra: Flags | None = None) -> NDArray[np.bool_]:
    """Main algorithm (saturated or not), detectors fine; clear, no shadow, no cirrus.

    FparLai_QC: bits 0-2 are 0 or 1 for the main algorithm, bit 3 is 0 for fine
    detectors, bits 4-7 the biome. FparExtra_QC: bits 0-1 are 0 or 1 for clear, bit 2
    is a cloud's shadow, bit 3 thin cirrus.

    Examples
    --------
    >>> viirs_good(np.array([96, 98]), np.array([0, 0])).tolist()
    [True, False]
    >>> viirs_good(np.array([96]), np.array([3])).tolist()
    [False]
    """
    good = ((flag & 7) <= 1) & ((flag >> 3) & 1 == 0) & (flag != 255)
    if extra is None:
        return good
    clear = ((extra & 3) <= 1) & ((extra >> 2) & 3 == 0) & (extra != 255)
    return good & clear


@dataclass(frozen=True)
class Layer:
    """A layer of a composite product.

    Attributes
    ----------
    stream : str
        What it becomes.
    driver : Variable
        Its name, unit and limits here.
    name, flag : str
        The layer, and the one with its quality.
    scale : float
        Stored integers times this are ``file_units``.
    highest : int
        The largest stored integer that is a value and no code.
    file_units : str
        As ``landdata.files.units`` spells it.
    rule : callable
        From the flag to whether the value is used.
    extra : str
        A second flag that the rule takes; "" for none.
    error : str
        The layer with the product's own standard deviation; "" for none.
    days : tuple of int
        Lengths that a composite may have.
    """

    stream: str
    driver: Variable
    name: str
    flag: str
    scale: float
    highest: int
    file_units: str
    rule: Rule
    extra: str = ""
    error: str = ""
    days: tuple[int, ...] = (4, 8)

    @property
    def per_composite(self) -> bool:
        """Whether values are sums over the composite."""
        return self.file_units.endswith("composite-1")


_SUM = "kg m-2 composite-1"
LAYERS = (
    Layer("lai", FLUXES["lai"], "Lai_500m", "FparLai_QC", 0.1, 100, "1", modis_good,
          error="LaiStdDev_500m"),
    Layer("lai", FLUXES["lai"], "Lai", "FparLai_QC", 0.1, 100, "1", viirs_good,
          extra="FparExtra_QC", error="LaiStdDev", days=(8,)),
    Layer("fapar", MEASURED["fapar"], "Fpar_500m", "FparLai_QC", 0.01, 100, "1",
          modis_good, error="FparStdDev_500m"),
    Layer("fapar", MEASURED["fapar"], "Fpar", "FparLai_QC", 0.01, 100, "1",
          viirs_good, extra="FparExtra_QC", error="FparStdDev", days=(8,)),
    Layer("gpp", FLUXES["gpp"], "Gpp_500m", "Psn_QC_500m", 1.0e-4, 30000, _SUM,
          modis_good, days=(8,)),
    Layer("et", FLUXES["et"], "ET_500m", "ET_QC_500m", 0.1, 32700, _SUM, modis_good,
          days=(8,)),
)  # fmt: skip
STREAMS = tuple(dict.fromkeys(layer.stream for layer in LAYERS))


@dataclass
class Counted:
    """A rule that counts the values it was given and those it kept."""

    rule: Rule
    n_asked: int = field(default=0, init=False)
    n_good: int = field(default=0, init=False)

    def __call__(self, *flags: Flags) -> NDArray[np.bool_]:
        """As the rule."""
        good = self.rule(*flags)
        self.n_asked += good.size
        self.n_good += int(good.sum())
        return good

    @property
    def fraction(self) -> float:
        """Of the flags that were good."""
        return self.n_good / self.n_asked if self.n_asked else float("nan")
