"""Soil texture class and hydraulic properties from sand and clay.

Specification, section 11: USDA triangle with silt merged into silt loam.
"""

import math
from dataclasses import dataclass

#: Class name to (porosity, field capacity, wilting point, Campbell b,
#: suction m, saturated conductivity m s-1).
PROPERTIES = {
    "sand": (0.437, 0.091, 0.033, 1.7, 0.07, 5.8330e-5),
    "loamy sand": (0.437, 0.125, 0.055, 2.1, 0.09, 1.6972e-5),
    "sandy loam": (0.453, 0.207, 0.095, 3.1, 0.15, 7.1944e-6),
    "loam": (0.463, 0.270, 0.117, 4.5, 0.11, 3.6667e-6),
    "silt loam": (0.501, 0.330, 0.133, 4.7, 0.21, 1.8889e-6),
    "sandy clay loam": (0.398, 0.255, 0.148, 4.0, 0.28, 1.1944e-6),
    "clay loam": (0.464, 0.318, 0.197, 5.2, 0.26, 6.3889e-7),
    "silty clay loam": (0.471, 0.366, 0.208, 6.6, 0.33, 4.1667e-7),
    "sandy clay": (0.430, 0.339, 0.239, 6.0, 0.29, 3.3333e-7),
    "silty clay": (0.479, 0.387, 0.250, 7.9, 0.34, 2.5000e-7),
    "clay": (0.475, 0.396, 0.272, 7.6, 0.37, 1.6667e-7),
}

#: Class name to the (sand, clay) corners of its polygon; the last match wins.
POLYGONS = {
    "sand": ((85, 0), (90, 10), (100, 0)),
    "loamy sand": ((70, 0), (85, 15), (90, 10), (85, 0)),
    "sandy loam": ((50, 0), (43, 7), (52, 7), (52, 20), (80, 20), (85, 15), (70, 0)),
    "loam": ((43, 7), (23, 27), (45, 27), (52, 20), (52, 7)),
    "silt loam": ((0, 0), (0, 27), (23, 27), (50, 0)),
    "sandy clay loam": ((52, 20), (45, 27), (45, 35), (65, 35), (80, 20)),
    "clay loam": ((20, 27), (20, 40), (45, 40), (45, 27)),
    "silty clay loam": ((0, 27), (0, 40), (20, 40), (20, 27)),
    "sandy clay": ((45, 35), (45, 55), (65, 35)),
    "silty clay": ((0, 40), (0, 60), (20, 40)),
    "clay": ((20, 40), (0, 60), (0, 100), (45, 55), (45, 40)),
}


@dataclass(frozen=True)
class Soil:
    """Properties of a soil; fractions are of the volume unless said otherwise."""

    texture: str
    sand: float  # 1, rounded to a whole percent
    clay: float  # 1
    silt: float  # 1
    porosity: float
    field_capacity: float  # of the pore space
    wilting_point: float  # of the pore space
    campbell_b: float
    suction: float  # m
    conductivity: float  # m s-1, saturated
    solid_conductivity: float  # W m-1 K-1
    albedo_visible: float  # dry
    albedo_near_infrared: float  # dry


def round_half_away(x: float) -> int:
    """Round to the nearest whole number, halves away from zero."""
    return int(math.copysign(math.floor(abs(x) + 0.5), x))


def _on_edge(x: int, y: int, a: tuple[int, int], b: tuple[int, int]) -> bool:
    cross = (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])
    return (
        cross == 0
        and min(a[0], b[0]) <= x <= max(a[0], b[0])
        and min(a[1], b[1]) <= y <= max(a[1], b[1])
    )


def _inside(x: int, y: int, polygon: tuple[tuple[int, int], ...]) -> bool:
    """Point in polygon, edges and corners included (whole numbers, so exact)."""
    inside = False
    for a, b in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        if _on_edge(x, y, a, b):
            return True
        if (a[1] > y) != (b[1] > y):
            left = (x - a[0]) * (b[1] - a[1])
            right = (b[0] - a[0]) * (y - a[1])
            if (left < right) == (b[1] > a[1]):
                inside = not inside
    return inside


def texture_class(sand: float, clay: float) -> str:
    """USDA class of sand and clay (%), by the original's rules."""
    x, y = round_half_away(sand), round_half_away(clay)
    found = "silt loam"
    if x == 0 or y == 0:
        return found
    for name, polygon in POLYGONS.items():
        if _inside(x, y, polygon):
            found = name
    return found


def soil_properties(sand: float, clay: float) -> Soil:
    """Hydraulic, thermal and optical properties for sand and clay (%)."""
    texture = texture_class(sand, clay)
    poros, fc, wilt, b, suction, ksat = PROPERTIES[texture]
    fsand = 0.01 * round_half_away(sand)
    fclay = 0.01 * round_half_away(clay)
    fsilt = 1.0 - fsand - fclay
    visible = 0.120 * fsand + 0.085 * fsilt + 0.050 * fclay
    return Soil(
        texture=texture,
        sand=fsand,
        clay=fclay,
        silt=fsilt,
        porosity=poros,
        field_capacity=fc / poros,
        wilting_point=wilt / poros,
        campbell_b=b,
        suction=suction,
        conductivity=ksat,
        solid_conductivity=0.300 * fsand + 0.265 * fsilt + 0.250 * fclay,
        albedo_visible=visible,
        albedo_near_infrared=2.0 * visible,
    )
