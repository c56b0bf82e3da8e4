import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from pyarrow import parquet

import upscale

A, B = 6378137.0, 6356752.314245179  # m, axes of WGS 84


def zone(south, north):
    """Area between two parallels of the ellipsoid, all the way round (closed form)."""
    e = np.sqrt(1.0 - (B / A) ** 2)

    def below(latitude):
        s = np.sin(np.radians(latitude))
        return s / (2.0 * (1.0 - (e * s) ** 2)) + np.log(
            (1.0 + e * s) / (1.0 - e * s)
        ) / (4.0 * e)

    return 2.0 * np.pi * B**2 * (below(north) - below(south))


def test_cells_of_a_row_make_the_zone_between_its_parallels():
    for middle in (0.025, 42.525, -60.025, 89.975):
        wanted = zone(middle - 0.025, middle + 0.025) / 7200.0
        assert upscale.cell_area(middle) == pytest.approx(wanted, rel=2e-7)


def test_all_cells_together_are_the_earth():
    latitude = np.arange(-89.975, 90.0, 0.05)
    found = 7200.0 * upscale.cell_area(latitude).sum()
    assert found == pytest.approx(510_065_621_724_088.0, rel=1e-7)  # m2, WGS 84


def flux(values, units="g m-2 yr-1", years=(2003, 2004)):
    dims = ("draw", "pixel", "year")[3 - np.ndim(values) :]
    return xr.DataArray(
        values, dims=dims, coords={"year": list(years)}, name="gpp",
        attrs={"units": units},
    )  # fmt: skip


def test_a_uniform_flux_totals_to_flux_times_forest_area():
    latitude, fraction = [40.025, 42.525], [0.5, 1.0]
    area = upscale.cell_area(latitude) @ np.array(fraction)
    yearly = upscale.regional_totals(flux(np.full((2, 2), 1200.0)), latitude, fraction)
    assert yearly["total"].to_numpy() == pytest.approx(1200.0 * area / 1e15)
    assert yearly["area"].to_numpy() == pytest.approx(area)
    daily = upscale.regional_totals(
        flux(np.ones((2, 2)), "g m-2 d-1"), latitude, fraction
    )
    assert daily["total"].to_numpy() == pytest.approx(
        np.array([365.0, 366.0]) * area / 1e15
    )


def test_draws_give_the_interval_of_the_total():
    rng = np.random.default_rng(1)
    draws = 1000.0 + 100.0 * rng.standard_normal((4000, 1, 1))
    table = upscale.regional_totals(
        flux(np.broadcast_to(draws, (4000, 3, 2))), [42.0] * 3, [1.0] * 3
    )
    scale = 3.0 * upscale.cell_area(42.0) / 1e15
    row = table.loc[2003]
    assert row["total"] == pytest.approx(1000.0 * scale, rel=0.01)
    assert row["sd"] == pytest.approx(100.0 * scale, rel=0.05)
    assert row["p05"] == pytest.approx((1000.0 - 164.5) * scale, rel=0.02)
    assert row["p95"] == pytest.approx((1000.0 + 164.5) * scale, rel=0.02)


def test_what_has_no_value_is_not_counted_and_said_to_be_missing():
    values = np.array([[1000.0, np.nan], [1000.0, np.nan], [1000.0, 1000.0]])
    table = upscale.regional_totals(flux(values), [42.0] * 3, [1.0] * 3)
    assert table["share_of_area"].tolist() == pytest.approx([1.0, 1.0 / 3.0])
    assert table.loc[2004, "total"] == pytest.approx(table.loc[2003, "total"] / 3.0)
    none = upscale.regional_totals(flux(np.full((2, 2), np.nan)), [42.0] * 2, [1.0] * 2)
    assert none["total"].isna().all()


def test_a_wrong_unit_or_fraction_is_refused():
    with pytest.raises(upscale.InputError, match="kg m-2 s-1"):
        upscale.regional_totals(flux(np.ones((2, 2)), "kg m-2 s-1"), [4.0] * 2, [1, 1])
    with pytest.raises(upscale.InputError, match="fraction"):
        upscale.regional_totals(flux(np.ones((2, 2))), [42.0] * 2, [50.0, 100.0])
    with pytest.raises(upscale.InputError, match="time"):
        upscale.regional_totals(
            flux(np.ones((2, 2))).rename(year="time"), [42.0] * 2, [1, 1]
        )


def test_a_table_of_samples_keeps_numbers_units_and_ids(tmp_path):
    table = pd.DataFrame(
        {"vmax": [3e-5, 1 / 3], "site": ["a", "b"]},
        index=pd.Index([5, 9], name="pixel"),
    )
    units = {"vmax": "mol m-2 s-1"}
    for name in ("samples.parquet", "samples.csv"):
        upscale.write_samples(tmp_path / name, table, units)
    stored = parquet.read_table(tmp_path / "samples.parquet")
    assert stored.schema.field("vmax").metadata == {b"units": b"mol m-2 s-1"}
    back = pd.read_parquet(tmp_path / "samples.parquet").set_index("pixel")
    assert back["vmax"].tolist() == table["vmax"].tolist()
    assert pd.read_csv(tmp_path / "samples.csv")["pixel"].tolist() == [5, 9]
    assert json.loads((tmp_path / "samples.units.json").read_text()) == units
    with pytest.raises(upscale.InputError, match="parquet or"):
        upscale.write_samples(tmp_path / "samples.xlsx", table)
