"""Soil classes from the texture triangle, and what follows from them.

The polygons and the table are keyed again here from the specification; the point in
polygon test is another algorithm (winding numbers).
"""

import numpy as np
import pytest

from ibis_dalec.run.soil_properties import (
    PROPERTIES,
    round_half_away,
    soil_properties,
    texture_class,
)

CORNERS = {
    "sand": "85-0,90-10,100-0",
    "loamy sand": "70-0,85-15,90-10,85-0",
    "sandy loam": "50-0,43-7,52-7,52-20,80-20,85-15,70-0",
    "loam": "43-7,23-27,45-27,52-20,52-7",
    "silt loam": "0-0,0-27,23-27,50-0",
    "sandy clay loam": "52-20,45-27,45-35,65-35,80-20",
    "clay loam": "20-27,20-40,45-40,45-27",
    "silty clay loam": "0-27,0-40,20-40,20-27",
    "sandy clay": "45-35,45-55,65-35",
    "silty clay": "0-40,0-60,20-40",
    "clay": "20-40,0-60,0-100,45-55,45-40",
}
#: porosity, field capacity, wilting point, b, suction (m), conductivity (m s-1)
TABLE = """
sand            .437 .091 .033 1.7 .07 5.8330e-5
loamy sand      .437 .125 .055 2.1 .09 1.6972e-5
sandy loam      .453 .207 .095 3.1 .15 7.1944e-6
loam            .463 .270 .117 4.5 .11 3.6667e-6
silt loam       .501 .330 .133 4.7 .21 1.8889e-6
sandy clay loam .398 .255 .148 4.0 .28 1.1944e-6
clay loam       .464 .318 .197 5.2 .26 6.3889e-7
silty clay loam .471 .366 .208 6.6 .33 4.1667e-7
sandy clay      .430 .339 .239 6.0 .29 3.3333e-7
silty clay      .479 .387 .250 7.9 .34 2.5000e-7
clay            .475 .396 .272 7.6 .37 1.6667e-7
"""


def polygon(name):
    return [tuple(map(int, point.split("-"))) for point in CORNERS[name].split(",")]


def inside(x, y, corners):
    """On the outline, or with a winding number that is not zero."""
    winding = 0
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        left = (x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)
        between = min(x0, x1) <= x <= max(x0, x1) and min(y0, y1) <= y <= max(y0, y1)
        if left == 0 and between:
            return True
        if y0 <= y < y1 and left > 0:
            winding += 1
        elif y1 <= y < y0 and left < 0:
            winding -= 1
    return winding != 0


def expected(sand, clay):
    if sand == 0 or clay == 0:
        return "silt loam"
    matches = [name for name in CORNERS if inside(sand, clay, polygon(name))]
    return matches[-1] if matches else "silt loam"


def test_every_whole_percent_of_the_triangle():
    points = [(sand, clay) for sand in range(101) for clay in range(101 - sand)]
    wrong = [p for p in points if texture_class(*p) != expected(*p)]
    assert not wrong
    assert {texture_class(*p) for p in points} == set(CORNERS)


@pytest.mark.parametrize(
    ("sand", "clay", "name"),
    [
        # Corners and edges that several classes share go to the last of them.
        (85, 15, "sandy loam"),
        (90, 10, "loamy sand"),
        (52, 20, "sandy clay loam"),
        (45, 27, "clay loam"),
        (20, 40, "clay"),
        (45, 40, "clay"),
        (45, 35, "sandy clay"),
        (20, 27, "silty clay loam"),
        (23, 27, "clay loam"),
        (30, 20, "silt loam"),
        (52, 15, "loam"),
        # On the axes the original has silt loam, even for pure sand or clay.
        (100, 0, "silt loam"),
        (0, 100, "silt loam"),
        (0, 50, "silt loam"),
        # The reference sites.
        (42, 18, "loam"),
        (30, 33, "clay loam"),
        (65, 10, "sandy loam"),
        # Rounded to whole percent first, halves away from zero.
        (42.4, 17.5, "loam"),
        (0.4, 30.0, "silt loam"),
        (0.5, 99.0, "clay"),
    ],
)
def test_some_soils(sand, clay, name):
    assert texture_class(sand, clay) == name


def test_the_table_of_properties():
    for line in TABLE.strip().splitlines():
        *name, poros, fc, wilt, b, suction, ksat = line.split()
        numbers = tuple(map(float, (poros, fc, wilt, b, suction, ksat)))
        assert PROPERTIES[" ".join(name)] == numbers
    assert len(PROPERTIES) == 11


@pytest.mark.parametrize("name", CORNERS)
def test_properties_of_a_class(name):
    corners = np.array(polygon(name))
    points = [
        (int(s), int(c))
        for s in range(1, 100)
        for c in range(1, 101 - s)
        if expected(s, c) == name
    ]
    assert points, corners
    sand, clay = points[len(points) // 2]
    soil = soil_properties(sand, clay)
    poros, fc, wilt, b, suction, ksat = PROPERTIES[name]
    silt = 100 - sand - clay
    assert soil.texture == name
    assert soil.porosity == poros
    assert soil.field_capacity == pytest.approx(fc / poros)
    assert soil.wilting_point == pytest.approx(wilt / poros)
    assert 0.0 < soil.wilting_point < soil.field_capacity < 1.0
    assert (soil.campbell_b, soil.suction, soil.conductivity) == (b, suction, ksat)
    assert soil.solid_conductivity == pytest.approx(
        0.01 * (0.300 * sand + 0.265 * silt + 0.250 * clay)
    )
    visible = 0.01 * (0.120 * sand + 0.085 * silt + 0.050 * clay)
    assert soil.albedo_visible == pytest.approx(visible)
    assert soil.albedo_near_infrared == pytest.approx(2.0 * visible)


def test_halves_round_away_from_zero():
    found = [round_half_away(x) for x in (0.5, 1.5, 2.5, 4.5, 4.49, -0.5, -1.5, 7.0)]
    assert found == [1, 2, 3, 5, 4, -1, -2, 7]
